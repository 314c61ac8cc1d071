package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/settings"
)

// wrong is a wall clock that is off by what it holds.
type wrong struct{ atomic.Int64 }

func (w *wrong) jump(off time.Duration) { w.Store(int64(off)) }

// on returns a server this clock.
func (w *wrong) on(c *settings.Config) {
	c.Database.Wall = func() time.Time { return time.Now().Add(time.Duration(w.Load())) }
}

// outcome signs and returns the status, or the code of the error.
func (s *site) outcome(t *testing.T, petition, email string) string {
	t.Helper()
	out := struct {
		SignPetition struct {
			Status     *string
			UserErrors []struct{ Code string }
		}
	}{}
	input := map[string]any{"petitionId": petition, "name": "Ann", "email": email}
	s.ask(t, "", signMutation, map[string]any{"input": input}, &out)
	if out.SignPetition.Status != nil {
		return *out.SignPetition.Status
	}
	return out.SignPetition.UserErrors[0].Code
}

// logs waits until the log holds a text so many times.
func (s *site) logs(t *testing.T, text string, times int) {
	t.Helper()
	so := func(log string) bool { return strings.Count(log, text) == times }
	if log := s.log.until(so); !so(log) {
		t.Fatalf("%q is not there %d times:\n%s", text, times, log)
	}
}

// readiness makes sure of what a server says of itself.
func (s *site) readiness(t *testing.T, status int, text string) {
	t.Helper()
	if code, body := s.get(t, "/readyz"); code != status || !strings.Contains(body, text) {
		t.Errorf("/readyz: got %d %q, want %d %q", code, body, status, text)
	}
}

const (
	loggedWrong = "nothing can be written until the clock"
	loggedRight = "the clock can be trusted again"
)

// endsTomorrow returns a petition its end.
func (s *site) endsTomorrow(t *testing.T, id string) {
	t.Helper()
	// Written by hand: an edit would need the version.
	for _, text := range []string{
		`UPDATE petitions SET ends_at = $2 WHERE id = $1`, `UPDATE counters SET until = $2 WHERE petition_id = $1`,
	} {
		end := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Microsecond)
		if _, err := s.db.Write.ExecContext(t.Context(), text, scalar.ParseID(id).UUID, end); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClockJumpsOnServer lets a server's clock jump while it runs: it is not ready and writes nothing, says so once,
// ends no petition, and goes on by itself.
func TestClockJumpsOnServer(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		var w wrong
		s := start(t, environment, w.on)
		petition, _ := s.open(t)
		s.endsTomorrow(t, petition)
		for n, off := range []time.Duration{48 * time.Hour, -48 * time.Hour, 6 * time.Second} {
			s.readiness(t, http.StatusOK, "ready")
			w.jump(off)
			s.readiness(t, http.StatusServiceUnavailable, "the clock differs")
			if got := s.outcome(t, petition, "ann@example.org"); got != "UNAVAILABLE" {
				t.Errorf("off by %s: signing was answered %s", off, got)
			}
			s.logs(t, loggedWrong, n+1)
			if got := s.state(t, petition); got != "OPEN" {
				t.Errorf("off by %s: the petition is %s", off, got)
			}
			w.jump(0)
			s.readiness(t, http.StatusOK, "ready")
			s.logs(t, loggedRight, n+1)
			if got := s.outcome(t, petition, fmt.Sprintf("ann%d@example.org", n)); got != "COUNTED" {
				t.Errorf("after %s: signing was answered %s", off, got)
			}
		}
		s.logs(t, loggedWrong, 3)
		// Where there are two clocks, nobody knows which is wrong.
		remedy := "the clock of this machine has come back"
		if s.db.Dialect == database.Postgres {
			remedy = "the clocks of this machine and of the database agree: correct the wrong one"
		}
		s.logs(t, remedy, 3)
		s.logs(t, "upkeep failed", 0)
	})
}

func (s *site) state(t *testing.T, petition string) string {
	t.Helper()
	out := struct{ Petition struct{ State string } }{}
	s.ask(t, "", `query($id: ID) { petition(id: $id) { state } }`, map[string]any{"id": petition}, &out)
	return out.Petition.State
}

// TestReplicaWithWrongClock starts a second replica whose clock is wrong: it serves no writer, moves nothing for the
// others, and joins them once it is right.
func TestReplicaWithWrongClock(t *testing.T) {
	t.Parallel()
	environment := fresh(t, database.Postgres)
	a := start(t, environment)
	petition, _ := a.open(t)
	a.endsTomorrow(t, petition)
	for name, test := range map[string]struct {
		off  time.Duration
		good bool
	}{
		"Ahead2Days": {48 * time.Hour, false}, "Behind2Days": {-48 * time.Hour, false}, "Ahead6s": {6 * time.Second, false},
		"Ahead4s": {4 * time.Second, true}, "Behind4s": {-4 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			var w wrong
			w.jump(test.off)
			b := start(t, environment, w.on)
			want := "COUNTED"
			if test.good {
				b.readiness(t, http.StatusOK, "ready")
			} else {
				want = "UNAVAILABLE"
				b.logs(t, loggedWrong, 1)
				b.readiness(t, http.StatusServiceUnavailable, "the clock differs from the database's")
			}
			if got := b.outcome(t, petition, name+"@example.org"); got != want {
				t.Errorf("signing there was answered %s, want %s", got, want)
			}
			if got := a.outcome(t, petition, name+".here@example.org"); got != "COUNTED" {
				t.Errorf("signing here was answered %s", got)
			}
			var ahead float64
			err := a.db.Read.QueryRowContext(t.Context(), `SELECT extract(epoch FROM GREATEST((SELECT MAX(as_of) FROM counters),
 (SELECT MAX(signed_at) FROM signatures), (SELECT MAX(updated_at) FROM petitions)) - clock_timestamp())`).Scan(&ahead)
			if err != nil || ahead > 0 {
				t.Errorf("something is stored that lies %v s ahead, error %v", ahead, err)
			}
			w.jump(0)
			b.readiness(t, http.StatusOK, "ready")
			if got := b.outcome(t, petition, name+".later@example.org"); got != "COUNTED" {
				t.Errorf("signing there was answered %s after the clock was set", got)
			}
			if !test.good {
				b.logs(t, loggedRight, 1)
			}
			if got := a.state(t, petition); got != "OPEN" {
				t.Errorf("the petition is %s", got)
			}
		})
	}
}

// TestCommandWithWrongClock runs commands on a machine whose clock is wrong, beside a server that is right.
func TestCommandWithWrongClock(t *testing.T) {
	t.Parallel()
	environment := fresh(t, database.Postgres)
	s := start(t, environment)
	petition, _ := s.open(t)
	s.spoil(t, `UPDATE counters SET total = 5`)
	config, _, err := settings.Load(nil, environment)
	if err != nil {
		t.Fatal(err)
	}
	var w wrong
	w.jump(48 * time.Hour)
	w.on(&config)
	for name, do := range map[string]func(context.Context, invocation) error{
		"recount": recountAll, "hide": hide, "demo": loadDemo,
	} {
		var out bytes.Buffer
		err := do(t.Context(), invocation{config: config, args: []string{petition}, log: logger(config, &out), out: &out})
		if err == nil || !strings.Contains(err.Error(), "the clock differs from the database's by 48h0m0s") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got := s.state(t, petition); got != "OPEN" {
		t.Errorf("the petition is %s", got)
	}
	out, err := petitiond(t, environment, "recount")
	if err == nil || !strings.Contains(out, "total: 5 stored, 0 counted") {
		t.Errorf("a recount where the clock is right: %v\n%s", err, out)
	}
}

// TestStoredTimeAhead mends, by the command and by the running server, what a wrong clock has left behind.
func TestStoredTimeAhead(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_RECOUNT=1s"))
		petition, _ := s.open(t)
		s.endsTomorrow(t, petition)
		ahead := func() {
			at := time.Now().UTC().Add(48 * time.Hour)
			if _, err := s.db.Write.ExecContext(t.Context(), `UPDATE counters SET as_of = $1`, at); err != nil {
				t.Fatal(err)
			}
		}
		ahead()
		if got := s.outcome(t, petition, "ann@example.org"); got != "COUNTED" {
			t.Errorf("signing was answered %s", got)
		}
		ahead()
		s.logs(t, `figure="as of, in seconds ahead"`, 1)
		s.stop()

		s = start(t, environment)
		ahead()
		out, err := petitiond(t, environment, "recount")
		if err == nil {
			t.Error("want an error where something differed")
		}
		contains(t, out, petition+": as of, in seconds ahead: 17")
		if out, err := petitiond(t, environment, "recount"); err != nil {
			t.Errorf("a recount after the mend: %v\n%s", err, out)
		}
	})
}

// TestClockWrongFromTheStart has a server of SQLite believe a wrong clock. Started again with the right one, it says
// what lies ahead and leaves it; the command leaves nothing ahead, and what was published meanwhile is signed.
func TestClockWrongFromTheStart(t *testing.T) {
	t.Parallel()
	environment := fresh(t, database.SQLite)
	var w wrong
	w.jump(48 * time.Hour)
	s := start(t, environment, w.on)
	petition, _ := s.open(t)
	if got := s.outcome(t, petition, "ann@example.org"); got != "COUNTED" {
		t.Errorf("by the wrong clock signing was answered %s", got)
	}
	s.stop()

	s = start(t, append(environment, "PETITION_RECOUNT=1s"))
	s.logged(t, database.DatesAhead+`" petitionsWithSuchRows=1`)
	s.logged(t, database.DatesAhead+`" datesOfPetitions=`)
	s.recountMends(t, environment, petition)
}

// TestCommandMendsDates has the command mend at once all that a wrong clock has left: signatures, and petitions that
// can be signed then.
func TestCommandMendsDates(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		petition, _ := s.open(t)
		if got := s.outcome(t, petition, "ann@example.org"); got != "COUNTED" {
			t.Errorf("signing was answered %s", got)
		}
		at := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Microsecond)
		for _, text := range []string{
			`UPDATE petitions SET created_at = $1, updated_at = $1, starts_at = $1`, `UPDATE slugs SET created_at = $1`,
			`UPDATE counters SET since = $1, as_of = $1`, `UPDATE signatures SET signed_at = $1`,
		} {
			if _, err := s.db.Write.ExecContext(t.Context(), text, at); err != nil {
				t.Fatal(err)
			}
		}
		s.recountMends(t, environment, petition)
	})
}

// logged waits until the log holds a text.
func (s *site) logged(t *testing.T, text string) {
	t.Helper()
	so := func(log string) bool { return strings.Contains(log, text) }
	if log := s.log.until(so); !so(log) {
		t.Fatalf("%q is not there:\n%s", text, log)
	}
}

// recountMends makes sure that a petition which a wrong clock has published is signed after the command, and that
// nothing lies ahead any more.
func (s *site) recountMends(t *testing.T, environment []string, petition string) {
	t.Helper()
	if got := s.outcome(t, petition, "bob@example.org"); got != "WRONG_STATE" {
		t.Errorf("before the recount signing was answered %s", got)
	}
	out, err := petitiond(t, environment, "recount")
	if err == nil {
		t.Error("want an error where something was wrong")
	}
	contains(t, out, petition+": signatures dated ahead: 1", "petitions that a wrong clock had dated ahead or closed early: 1")
	if out, err := petitiond(t, environment, "recount"); err != nil {
		t.Errorf("a recount after the mend: %v\n%s", err, out)
	}
	if got := s.outcome(t, petition, "bob@example.org"); got != "COUNTED" {
		t.Errorf("signing was answered %s", got)
	}
	for _, text := range []string{
		`SELECT MAX(signed_at) FROM signatures`, `SELECT MAX(as_of) FROM counters`, `SELECT MAX(since) FROM counters`,
		`SELECT MAX(created_at) FROM slugs`, `SELECT MAX(created_at) FROM petitions`, `SELECT MAX(starts_at) FROM petitions`,
		`SELECT MAX(updated_at) FROM petitions`,
	} {
		var at database.Time
		err := s.db.Read.QueryRowContext(t.Context(), text).Scan(&at)
		if ahead := time.Until(at.Time); err != nil || ahead > database.MaxSkew {
			t.Errorf("%s: it lies %s ahead, error %v", text, ahead, err)
		}
	}
}

// TestClockBehindMendsNothing has a server of SQLite believe a clock that is behind: what is right lies ahead by it and
// stays as it is, what has ended stays closed, and nobody signs it late.
func TestClockBehindMendsNothing(t *testing.T) {
	t.Parallel()
	environment := fresh(t, database.SQLite)
	s := start(t, environment)
	petition, _ := s.open(t)
	s.sign(t, petition, "ann@example.org")
	end := time.Now().UTC().Truncate(time.Microsecond)
	for _, text := range []string{
		`UPDATE petitions SET ends_at = $1, closed_at = $1, state = 'CLOSED'`, `UPDATE counters SET until = $1, accepting = FALSE`,
	} {
		if _, err := s.db.Write.ExecContext(t.Context(), text, end); err != nil {
			t.Fatal(err)
		}
	}
	dates := func(s *site) (out string) {
		t.Helper()
		err := s.db.Read.QueryRowContext(t.Context(), `SELECT (SELECT group_concat(signed_at) FROM signatures) || created_at ||
 updated_at || starts_at || closed_at || ends_at || state FROM petitions`).Scan(&out)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := dates(s)
	s.stop()

	var w wrong
	w.jump(-48 * time.Hour)
	s = start(t, append(environment, "PETITION_RECOUNT=1s"), w.on)
	s.logged(t, database.DatesAhead+`" petitionsWithSuchRows=1`)
	s.logged(t, database.DatesAhead+`" datesOfPetitions=2`) // created, and closed at an end that has not come
	if got := s.outcome(t, petition, "bob@example.org"); got != "WRONG_STATE" {
		t.Errorf("signing late was answered %s", got)
	}
	if got := dates(s); got != before {
		t.Errorf("what was right has become\n%s, was\n%s", got, before)
	}
	if strings.Contains(s.log.String(), "dated ahead") {
		t.Errorf("what was right was reported as wrong:\n%s", s.log)
	}
}
