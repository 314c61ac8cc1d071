package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
)

// A burst of 500 signatures a second with a crowd that watches, each on a connection of its own: all of them see the
// last value, and none a value that is not newer than the one before. Times are told and not judged, since they are
// the machine's.
func TestBurst(t *testing.T) {
	t.Parallel()
	crowd, signatures := 1000, 1500
	if testing.Short() {
		crowd, signatures = 200, 500
	}
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_RATE_LIMITS=off")) // all come from one address
		petition, _ := s.open(t)
		watchers := make([]*stream, crowd)
		for i := range watchers {
			watchers[i] = s.watch(t, petition)
		}
		seen := make([]time.Time, crowd)
		var last counted
		var watching sync.WaitGroup
		for i, w := range watchers[1:] {
			watching.Go(func() { _, seen[i+1] = w.until(t, signatures) })
		}
		watching.Go(func() { last, seen[0] = watchers[0].until(t, signatures) })
		answered := s.burst(t, petition, signatures, 500)
		watching.Wait()
		end := slices.MaxFunc(seen, time.Time.Compare)
		t.Logf("all %d watchers saw the last of %d signatures %s after its commit began and %s after its answer",
			crowd, signatures, end.Sub(last.AsOf), end.Sub(answered))
		if end.Sub(last.AsOf) > 10*time.Second {
			t.Errorf("the last watcher saw the last value %s after it was written", end.Sub(last.AsOf))
		}
	})
}

// burst gives signatures at a steady rate a second and tells when the last one was acknowledged.
func (s *site) burst(t *testing.T, petition string, signatures, rate int) (answered time.Time) {
	t.Helper()
	var signers sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range signatures {
		<-tick.C
		signers.Go(func() {
			if !s.sign(t, petition, fmt.Sprintf("burst%d@example.org", i)) {
				t.Error("a signature was not acknowledged")
			}
		})
	}
	signers.Wait()
	return time.Now()
}

// stream is one subscription over server-sent events: a connection of its own and little memory.
type stream struct {
	conn net.Conn
	body *bufio.Reader
}

// stream subscribes until the test ends.
func (s *site) stream(t *testing.T, query, petition string) *stream {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"id": petition}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Address())
	if err != nil {
		t.Fatalf("%v; a crowd takes two descriptors for each watcher", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"+
		"Content-Length: %d\r\n\r\n%s", s.Address(), len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil) //nolint:bodyclose // ends with the connection
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("no stream of events: %v, %v", response, err)
	}
	return &stream{conn: conn, body: bufio.NewReaderSize(response.Body, 512)}
}

// next decodes the data of the next event. A subscription that ends gives io.EOF, one that fails its error's code.
func (w *stream) next(out any) error {
	if err := w.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	for {
		line, err := w.body.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "event: complete") {
			return io.EOF
		}
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			return decodeEvent(text, out)
		}
	}
}

func decodeEvent(text string, out any) error {
	event := struct {
		Data   json.RawMessage
		Errors []struct{ Extensions struct{ Code string } }
	}{}
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		return err
	}
	if len(event.Errors) > 0 {
		return errors.New(event.Errors[0].Extensions.Code)
	}
	return json.Unmarshal(event.Data, out)
}

// counted is what a watcher is told of a count.
type counted struct {
	Total, Goal int
	Version     int64
	AsOf        time.Time
}

// watch follows a count.
func (s *site) watch(t *testing.T, petition string) *stream {
	t.Helper()
	return s.stream(t, `subscription($id: ID!) { signatureCount(petitionId: $id) { total goal version asOf } }`, petition)
}

func (w *stream) count() (counted, error) {
	event := struct{ SignatureCount counted }{}
	err := w.next(&event)
	return event.SignatureCount, err
}

// until follows a count until it reaches a total, and tells what that is and when it was.
func (w *stream) until(t *testing.T, total int) (last counted, seen time.Time) {
	t.Helper()
	for last.Version = -1; last.Total != total; {
		v, err := w.count()
		if err != nil || v.Version <= last.Version || v.Total < last.Total || v.AsOf.Before(last.AsOf) {
			t.Errorf("%+v, %v came after %+v, want the total to reach %d", v, err, last, total)
			break
		}
		last = v
	}
	return last, time.Now()
}

// A client that comes back, here or there, learns from the version whether it missed anything. Where others stayed the
// first value may be one that news are about to replace, so it waits for the version that it must see.
func TestVersion(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		a := start(t, environment)
		b := a
		if a.db.Dialect == database.Postgres {
			b = start(t, environment)
		}
		petition, token := a.open(t)
		stays := b.watch(t, petition)
		update := func(change string) func() {
			return func() {
				version := struct{ Petition struct{ Version int } }{}
				a.ask(t, token, `query($id: ID!) { petition(id: $id) { version } }`, map[string]any{"id": petition}, &version)
				a.ask(t, token, `mutation($id: ID!, $v: Int!) { updatePetition(input: {id: $id, version: $v, `+change+`}) { petition { id } } }`,
					map[string]any{"id": petition, "v": version.Petition.Version}, &struct{}{})
			}
		}
		sign := func(names ...string) func() {
			return func() {
				for i, name := range names {
					if ![]*site{a, b}[i%2].sign(t, petition, name+"@example.org") {
						t.Error("not acknowledged")
					}
				}
			}
		}
		last := a.visit(t, petition, 0)
		for _, step := range []struct {
			name   string
			do     func()
			missed counted // what is added by it
		}{
			{"Nothing", func() {}, counted{}},
			{"OneSignature", sign("ann"), counted{Total: 1, Version: 1}},
			{"ThreeSignatures", sign("bob", "cem", "dan"), counted{Total: 3, Version: 3}},
			{"OneAgain", sign("ann"), counted{}},
			{"OneAgainAndOneNew", sign("bob", "eve"), counted{Total: 1, Version: 1}},
			{"Comment", func() { b.note(t, petition, "Trees are tall.", "") }, counted{}},
			{"Tags", update(`tags: ["trees"]`), counted{}},
			{"Goal", update(`goal: 4321`), counted{Goal: 4321 - last.Goal, Version: 1}},
			{"SameGoal", update(`goal: 4321`), counted{}},
		} {
			step.do()
			for _, s := range []*site{a, b} {
				now := s.visit(t, petition, last.Version+step.missed.Version)
				got := counted{Total: now.Total - last.Total, Goal: now.Goal - last.Goal, Version: now.Version - last.Version}
				if got != step.missed || got == (counted{}) && now != last {
					t.Errorf("%s: missed %+v, want %+v; now %+v", step.name, got, step.missed, now)
				}
			}
			last = a.visit(t, petition, last.Version+step.missed.Version)
		}
		if v, err := stays.reach(last.Version); err != nil || v != last {
			t.Errorf("who stayed was told %+v, %v, want %+v", v, err, last)
		}
	})
}

// visit returns what a client is told, at least of a version, that goes away again.
func (s *site) visit(t *testing.T, petition string, version int64) counted {
	t.Helper()
	w := s.watch(t, petition)
	defer w.conn.Close()
	v, err := w.reach(version)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// reach follows a count until it is told a version, or a newer one.
func (w *stream) reach(version int64) (counted, error) {
	for {
		v, err := w.count()
		if err != nil || v.Version >= version {
			return v, err
		}
	}
}
