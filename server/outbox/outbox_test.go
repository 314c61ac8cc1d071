package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/outbox"
)

// What is committed is sent once and leaves no row; what is rolled back, not due or of another kind is not sent.
func TestSendsWhatIsCommitted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		var sent sends
		o := outbox.New(p.options(sent.handle))
		p.run(o)
		undone := errors.New("undone")
		err := database.InTx(t.Context(), p.db.Write, func(tx *sql.Tx) error {
			row, err := outbox.Seal(p.keys, mails(1)[0], p.now())
			if err != nil {
				return err
			}
			return errors.Join(outbox.Add(t.Context(), tx, p.db.Dialect, row), undone)
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		ids := p.add(
			outbox.Entry{Kind: kind, Payload: []byte("now")}, outbox.Entry{Kind: "other"},
			outbox.Entry{Kind: kind, Due: epoch.Add(time.Hour)},
		)
		p.until("sent", func() bool { return p.count(`id = $1`, ids[0]) == 0 }, o)
		if sent.entries() != 1 || sent.of(ids[0]) != 1 || p.count(`tries = 0`) != 2 {
			t.Errorf("sent %v, and %d rows untouched; want the first alone", sent.times, p.count(`tries = 0`))
		}
		p.advance(time.Hour)
		p.until("sent when due", func() bool { return p.count(`id = $1`, ids[2]) == 0 }, o)
		if sent.of(ids[2]) != 1 || p.count(`kind = 'other' AND tries = 0`) != 1 {
			t.Error("want the one that is due to be sent once, and the other kind left")
		}
	})
}

// Without being woken, as by another replica, workers find what is there.
func TestLooksRegularly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		var sent sends
		options := p.options(sent.handle)
		options.Every = 5 * time.Millisecond
		p.run(outbox.New(options))
		p.add(mails(1)...)
		p.until("found", func() bool { return sent.entries() == 1 })
	})
}

// An entry that always fails is tried eight times, after growing waits, and then kept.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		var tries atomic.Int64
		o := outbox.New(p.options(func(_ context.Context, d outbox.Delivery) error {
			if n := tries.Add(1); int(n) != d.Try && n <= 8 {
				t.Errorf("try %d says that it is the %dth", n, d.Try)
			}
			return errors.New("no")
		}))
		p.run(o)
		id := p.add(mails(1)...)[0]
		for i, minutes := range []float64{1, 3, 9, 27, 81, 243, 729} {
			p.until("try", func() bool {
				return p.count(`tries = $1 AND due_at > $2`, i+1, p.now()) == 1 && tries.Load() == int64(i+1)
			}, o)
			p.until("put back", func() bool { return p.dueIn(id) != time.Minute }, o) // the length of a lease
			if wait := p.dueIn(id).Minutes(); wait < 0.8*minutes || wait > 1.2*minutes {
				t.Errorf("after try %d it waits for %.1f minutes, want about %.0f", i+1, wait, minutes)
			}
			p.advance(p.dueIn(id))
		}
		p.until("parked", func() bool { return p.count(`parked_at IS NOT NULL`) == 1 }, o)
		p.advance(24 * time.Hour)
		p.add(mails(1)...)
		p.until("the next one", func() bool { return tries.Load() == 9 }, o)
		if p.count(`id = $1 AND tries = 8 AND parked_at IS NOT NULL`, id) != 1 {
			t.Error("it was tried again")
		}
		p.until("counted", func() bool { return o.Stats()[0].Failed >= 8 && o.Stats()[0].GivenUp == 1 })
		o.Count(t.Context())
		if got := o.Stats()[0]; got.Failed < 8 || got.GivenUp != 1 || got.Parked != 1 || got.Sent != 0 {
			t.Errorf("got %+v", got)
		}
		if log := p.log.String(); !strings.Contains(log, "gave up sending") || !strings.Contains(log, id.String()) {
			t.Errorf("the log does not say so:\n%s", log)
		}
	})
}

// dueIn returns how long it is until an entry is due.
func (p *post) dueIn(id uuid.UUID) time.Duration {
	p.t.Helper()
	var due database.Time
	if err := p.db.Read.QueryRowContext(p.t.Context(), `SELECT due_at FROM outbox WHERE id = $1`, id).Scan(&due); err != nil {
		p.t.Fatal(err)
	}
	return due.Sub(p.now())
}

func TestPermanentFailuresParkAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		o := outbox.New(p.options(func(context.Context, outbox.Delivery) error { return outbox.Permanent(errors.New("canary")) }))
		p.run(o)
		p.add(mails(1)...)
		p.until("parked", func() bool { return p.count(`parked_at IS NOT NULL AND tries = 1`) == 1 }, o)
		p.until("logged", func() bool { return strings.Contains(p.log.String(), "gave up sending") })
		if strings.Contains(p.log.String(), "canary") {
			t.Error("the log has the text of an error")
		}
	})
	if outbox.Permanent(nil) != nil {
		t.Error("a success was marked")
	}
}

// One entry that cannot be opened, one whose handler panics and one that stalls keep none of the others waiting.
func TestPoisonedEntryDelaysNoOther(t *testing.T) {
	t.Parallel()
	const others = 1000
	each(t, func(t *testing.T, p *post) {
		var sent sends
		release := make(chan struct{})
		o := outbox.New(p.options(func(ctx context.Context, d outbox.Delivery) error {
			switch string(d.Payload) {
			case "panics":
				panic("canary")
			case "stalls":
				<-release
			}
			sent.note(d)
			return nil
		}))
		ids := p.add(append([]outbox.Entry{
			{Kind: kind, Payload: []byte("damaged")}, {Kind: kind, Payload: []byte("panics")}, {Kind: kind, Payload: []byte("stalls")},
		}, mails(others)...)...)
		p.exec(`UPDATE outbox SET payload = $1 WHERE id = $2`, []byte("damaged"), ids[0])
		p.run(o)
		p.until("the others are sent", func() bool { return sent.entries() == others && p.count(`1 = 1`) == 3 }, o)
		if p.count(`id = $1 AND parked_at IS NOT NULL`, ids[0]) != 1 {
			t.Error("the one that cannot be opened is not parked")
		}
		p.until("the panic is logged", func() bool { return strings.Contains(p.log.String(), "panicked") })
		if strings.Contains(p.log.String(), "canary") {
			t.Error("the log has what was thrown")
		}
		close(release)
		p.until("the last one is settled", func() bool { return p.count(`id = $1`, ids[2]) == 0 }, o)
	})
}

// A kind of which every place is taken by a stalled handler keeps no other kind waiting, and never has more at once.
func TestStalledKindDelaysNoOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		var sent sends
		var running, most atomic.Int64
		release := make(chan struct{})
		options := p.options(sent.handle)
		options.AtOnce = 3
		options.Handlers["call"] = func(context.Context, outbox.Delivery) error {
			most.Store(max(most.Load(), running.Add(1)))
			<-release
			running.Add(-1)
			return nil
		}
		o := outbox.New(options)
		p.run(o)
		for range 10 {
			p.add(outbox.Entry{Kind: "call"})
		}
		p.until("all places are taken", func() bool { return running.Load() == 3 }, o)
		p.add(mails(20)...)
		p.until("the other kind is sent", func() bool { return sent.entries() == 20 }, o)
		close(release)
		p.until("all are sent", func() bool { return p.count(`1 = 1`) == 0 }, o)
		if most.Load() != 3 {
			t.Errorf("%d at once, want 3", most.Load())
		}
	})
}

// A try has a time of its own.
func TestTriesAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		options := p.options(func(ctx context.Context, _ outbox.Delivery) error { <-ctx.Done(); return ctx.Err() })
		options.Time = time.Millisecond
		o := outbox.New(options)
		p.run(o)
		p.add(mails(1)...)
		p.until("put back", func() bool { return o.Stats()[0].Failed == 1 }, o)
	})
}

// Run ends when what is being sent is sent and settled.
func TestEndsWithWhatIsBeingSent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		begun, release := make(chan struct{}), make(chan struct{})
		o := outbox.New(p.options(func(ctx context.Context, _ outbox.Delivery) error {
			close(begun)
			<-release
			return ctx.Err()
		}))
		p.add(mails(1)...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.Run(ctx) }()
		<-begun
		cancel()
		close(release)
		if err := <-ended; err != nil || p.count(`1 = 1`) != 0 {
			t.Errorf("error %v, %d entries left", err, p.count(`1 = 1`))
		}
	})
}

// What takes longer than the grace is cut off and sent again later.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		begun := make(chan struct{})
		options := p.options(func(ctx context.Context, _ outbox.Delivery) error {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		})
		options.Grace = time.Millisecond
		o := outbox.New(options)
		p.add(mails(1)...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.Run(ctx) }()
		<-begun
		cancel()
		if err := <-ended; err != nil || p.count(`tries = 1 AND parked_at IS NULL`) != 1 {
			t.Errorf("error %v; want the entry back", err)
		}
	})
}
