package faults

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/secret"
)

// figures are the places where the count is found; all of them must agree.
type figures struct {
	Rows, Numbers, Comments              int // of the table
	Total, Issued                        int // of the counter
	Shown, ByMinute, ByHour, ByDay, Last int // over GraphQL
}

func all(n int) figures { return figures{n, n, n, n, n, n, n, n, n, n} }

// audit compares the crowd's log with the rows, and the rows with every figure at every server. It also checks that the
// watchers receive the last value in time.
func audit(t *testing.T, on ground, people *crowd, watchers ...*watcher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	stored := on.read(t, people)
	for _, w := range watchers {
		w.sees(ctx, stored.Rows)
	}
	for _, server := range people.servers {
		got := stored
		got.Shown, got.ByMinute, got.ByHour, got.ByDay, got.Last = server.history(people.petition)
		if diff := cmp.Diff(all(stored.Rows), got); diff != "" {
			t.Errorf("figures at %s that differ from the rows (-rows +figures):\n%s", server.address, diff)
		}
	}
}

// read reads the stored figures. It fails the test unless all who were acknowledged have a row, and all who have a row
// tried to sign.
func (on ground) read(t *testing.T, people *crowd) (f figures) {
	t.Helper()
	db, petition := on.open(t).Read, people.petition.uuid
	if err := db.QueryRowContext(t.Context(), `SELECT total, issued, (SELECT COUNT(*) FROM comments WHERE petition_id = $1)
 FROM counters WHERE petition_id = $1`, petition).Scan(&f.Total, &f.Issued, &f.Comments); err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(),
		`SELECT number, digest FROM signatures WHERE petition_id = $1 AND state = 'COUNTED' ORDER BY number`, petition)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	log := people.log(on.keys(t))
	for rows.Next() {
		var number int
		var digest []byte
		if err := rows.Scan(&number, &digest); err != nil {
			t.Fatal(err)
		}
		if f.Rows++; number == f.Rows {
			f.Numbers++ // as long as there is no gap
		}
		log.strike(t, number, digest)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	log.close(t)
	return f
}

// logbook holds what is known about every address that tried to sign, by its digest.
type logbook map[string]*page

type page struct {
	address      string
	acknowledged bool
	rows         int
}

// log returns what is known about everybody.
func (c *crowd) log(keys *secret.Keys) logbook {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := logbook{}
	for address := range c.attempted {
		digest := keys.ShortDigest(secret.AddressDigest, c.petition.uuid[:], []byte(address))
		log[string(digest)] = &page{address: address, acknowledged: c.acknowledged[address]}
	}
	return log
}

// strike records a row.
func (l logbook) strike(t *testing.T, number int, digest []byte) {
	t.Helper()
	p, tried := l[string(digest)]
	if !tried {
		t.Errorf("row %d is of an address that never tried to sign", number)
		return
	}
	p.rows++
}

// close finds those who were acknowledged and have no row, and those who have two.
func (l logbook) close(t *testing.T) {
	t.Helper()
	for _, p := range l {
		if p.rows > 1 || p.acknowledged && p.rows == 0 {
			t.Errorf("%s has %d rows; acknowledged: %t", p.address, p.rows, p.acknowledged)
		}
	}
}

// point is one interval of a history.
type point struct{ Added, Removed, Total int }

func sum(history []point) (n int) {
	for _, p := range history {
		n += p.Added - p.Removed
	}
	return n
}

// history asks a server for the count and its history.
func (p *program) history(of petition) (shown, byMinute, byHour, byDay, last int) {
	p.t.Helper()
	var out struct {
		Petition struct {
			SignatureCount    int
			Minute, Hour, Day []point
		}
	}
	p.ask("", `query($id: ID!) { petition(id: $id) { signatureCount
 minute: signatureHistory(interval: MINUTE) { added removed total }
 hour: signatureHistory(interval: HOUR) { added removed total }
 day: signatureHistory(interval: DAY) { added removed total } } }`, map[string]any{"id": of.id}, &out)
	a := out.Petition
	if n := len(a.Day); n > 0 {
		last = a.Day[n-1].Total
	}
	return a.SignatureCount, sum(a.Minute), sum(a.Hour), sum(a.Day), last
}
