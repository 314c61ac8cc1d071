package outbox_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/outbox"
	"petitiond/server/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// kind is the kind of most entries here.
const kind = "mail"

// epoch is when the time of these tests begins.
var epoch = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// post is a database with an outbox, and a clock that stands still unless it is moved.
type post struct {
	t    testing.TB
	db   *database.DB
	keys *secret.Keys
	past atomic.Int64 // since epoch
	log  logBuffer
}

func newPost(t testing.TB, db *database.DB) *post {
	t.Helper()
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(make([]byte, secret.RootSize))))
	if err != nil {
		t.Fatal(err)
	}
	return &post{t: t, db: db, keys: keys}
}

// each runs a test on both databases.
func each(t *testing.T, f func(t *testing.T, p *post)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		f(t, newPost(t, db))
	})
}

func (p *post) now() time.Time           { return epoch.Add(time.Duration(p.past.Load())) }
func (p *post) advance(by time.Duration) { p.past.Add(int64(by)) }

// options are those of an outbox with one handler that is as fast as the database.
func (p *post) options(handle outbox.Handler) outbox.Options {
	return outbox.Options{
		DB: p.db, Keys: p.keys, Now: p.now, Pace: 1_000_000, Logger: slog.New(slog.NewTextHandler(&p.log, nil)),
		Handlers: map[string]outbox.Handler{kind: handle},
	}
}

// run has an outbox work until the test ends or stop is called.
func (p *post) run(o *outbox.Outbox) (stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Error(err)
		}
	})
	p.t.Cleanup(stop)
	return stop
}

// add commits entries and returns their ids.
func (p *post) add(entries ...outbox.Entry) []uuid.UUID {
	p.t.Helper()
	rows, ids := make([]outbox.Row, len(entries)), make([]uuid.UUID, len(entries))
	for i, e := range entries {
		row, err := outbox.Seal(p.keys, e, p.now())
		if err != nil {
			p.t.Fatal(err)
		}
		rows[i], ids[i] = row, row.ID()
	}
	err := database.InTx(p.t.Context(), p.db.Write, func(tx *sql.Tx) error {
		return outbox.Add(p.t.Context(), tx, p.db.Dialect, rows...)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return ids
}

// mails returns so many entries.
func mails(n int) []outbox.Entry {
	out := make([]outbox.Entry, n)
	for i := range out {
		out[i] = outbox.Entry{Kind: kind, Payload: []byte("letter")}
	}
	return out
}

// count returns how many rows meet a condition.
func (p *post) count(where string, args ...any) (n int) {
	p.t.Helper()
	err := p.db.Read.QueryRowContext(p.t.Context(), `SELECT count(*) FROM outbox WHERE `+where, args...).Scan(&n)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// exec changes rows.
func (p *post) exec(query string, args ...any) {
	p.t.Helper()
	if _, err := p.db.Write.ExecContext(p.t.Context(), query, args...); err != nil {
		p.t.Fatal(err)
	}
}

// until waits for a condition that the workers bring about, and wakes them meanwhile.
func (p *post) until(what string, met func() bool, boxes ...*outbox.Outbox) {
	p.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !met(); <-tick.C {
		if time.Now().After(end) {
			p.t.Fatalf("%s: not after 30 s; log:\n%s", what, p.log.String())
		}
		for _, o := range boxes {
			o.Wake()
		}
	}
}

// sends counts how often each entry was handed to a handler.
type sends struct {
	mu    sync.Mutex
	times map[uuid.UUID]int // guarded by mu
}

func (s *sends) note(d outbox.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = map[uuid.UUID]int{}
	}
	s.times[d.ID]++
}

func (s *sends) of(id uuid.UUID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[id]
}

// entries returns how many entries were sent, and all returns how often.
func (s *sends) entries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

// handle notes each delivery, and sends it.
func (s *sends) handle(_ context.Context, d outbox.Delivery) error { s.note(d); return nil }

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
