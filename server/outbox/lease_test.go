package outbox_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/outbox"
)

// A worker that dies between lease, sending and settling loses nothing, and each entry is sent at most twice.
func TestDeadWorkers(t *testing.T) {
	t.Parallel()
	die := map[string]func(ctx context.Context, o *outbox.Outbox) error{
		"BeforeSending": func(ctx context.Context, o *outbox.Outbox) error { _, err := o.Lease(ctx, kind); return err },
		"AfterSending":  func(ctx context.Context, o *outbox.Outbox) error { return o.Send(ctx, kind) },
	}
	for name, die := range die {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, p *post) {
				var sent sends
				ids := p.add(mails(20)...)
				dead := outbox.New(p.options(sent.handle))
				if err := die(t.Context(), dead); err != nil {
					t.Fatal(err)
				}
				o := outbox.New(p.options(sent.handle))
				p.run(o)
				p.until("those that nobody holds are sent", func() bool { return p.count(`1 = 1`) == 8 }, o)
				p.advance(time.Minute - time.Microsecond)
				if held, err := outbox.New(p.options(sent.handle)).Lease(t.Context(), kind); err != nil || len(held) != 0 {
					t.Errorf("%d entries were leased twice, error %v", len(held), err)
				}
				p.advance(time.Microsecond)
				p.until("all are sent", func() bool { return p.count(`1 = 1`) == 0 }, o)
				for _, id := range ids {
					if n := sent.of(id); n < 1 || n > 2 {
						t.Errorf("an entry was sent %d times", n)
					}
				}
			})
		})
	}
}

// A worker that settles after its lease has ended: what it sent is deleted, and what failed is not put back while
// somebody else sends it.
func TestLateWorkers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		var sent sends
		failing := outbox.New(p.options(func(context.Context, outbox.Delivery) error { return outbox.Permanent(errors.New("no")) }))
		slow := outbox.New(p.options(sent.handle))
		p.add(mails(1)...)
		if err := failing.Send(t.Context(), kind); err != nil {
			t.Fatal(err)
		}
		p.advance(2 * time.Minute)
		if err := slow.Send(t.Context(), kind); err != nil || sent.entries() != 1 {
			t.Fatalf("not leased anew: %v", err)
		}
		if !failing.Settle(t.Context(), kind) || p.count(`parked_at IS NULL AND tries = 2`) != 1 {
			t.Error("the first worker has taken the entry away from the second")
		}
		p.advance(2 * time.Minute)
		if ids, err := failing.Lease(t.Context(), kind); err != nil || len(ids) != 1 {
			t.Fatalf("not leased anew: %v", err)
		}
		if !slow.Settle(t.Context(), kind) || p.count(`1 = 1`) != 0 {
			t.Error("what was sent is still there")
		}
	})
}

// What could not be settled is settled the next time, and not sent again.
func TestSettlesAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		var sent sends
		o := outbox.New(p.options(sent.handle))
		id := p.add(mails(1)...)[0]
		if err := o.Send(t.Context(), kind); err != nil {
			t.Fatal(err)
		}
		away, cancel := context.WithCancel(t.Context())
		cancel()
		if o.Settle(away, kind) || p.count(`1 = 1`) != 1 || o.Stats()[0].Sent != 0 {
			t.Error("it was settled without a database")
		}
		p.run(o)
		p.until("settled", func() bool { return p.count(`1 = 1`) == 0 && o.Stats()[0].Sent == 1 }, o)
		if sent.of(id) != 1 {
			t.Errorf("sent %d times", sent.of(id))
		}
	})
}

// Replicas share what there is, and none sends what another has sent.
func TestReplicasShare(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			p := newPost(t, dbtest.New(t, dialect))
			const entries = 400
			ids := p.add(mails(entries)...)
			var sent sends
			var by [3]atomic.Int64
			var boxes []*outbox.Outbox
			for i := range by {
				boxes = append(boxes, outbox.New(p.options(func(_ context.Context, d outbox.Delivery) error {
					by[i].Add(1)
					sent.note(d)
					return nil
				})))
			}
			for _, o := range boxes {
				p.run(o)
			}
			p.until("all are sent", func() bool { return p.count(`1 = 1`) == 0 }, boxes...)
			for _, id := range ids {
				if n := sent.of(id); n != 1 {
					t.Errorf("an entry was sent %d times", n)
				}
			}
			for i := range by {
				if by[i].Load() == 0 {
					t.Errorf("the replicas have sent %d, %d and %d", by[0].Load(), by[1].Load(), by[2].Load())
				}
			}
		})
	}
}

// However many wait, a new entry is sent after no more of them than are at hand, and they go on. In the long form it is
// also timed: a machine that is busy with other tests proves nothing.
func TestNewEntryBesideManyOthers(t *testing.T) {
	t.Parallel()
	waiting, timed := 5_000, os.Getenv("PETITION_TEST_FAULTS") == "long"
	if timed {
		waiting = 100_000
	}
	each(t, func(t *testing.T, p *post) {
		var sent sends
		start, fresh := time.Now(), make(chan int, 1)
		options := p.options(func(_ context.Context, d outbox.Delivery) error {
			if string(d.Payload) == "new" {
				fresh <- sent.entries()
			}
			sent.note(d)
			return nil
		})
		options.Pace = 500 // as a mail server might bear
		options.Now = func() time.Time { return epoch.Add(time.Hour + time.Since(start)).Truncate(time.Microsecond) }
		for left := waiting; left > 0; left -= 1000 {
			p.add(mails(min(left, 1000))...)
		}
		if p.db.Dialect == database.Postgres {
			p.exec(`ANALYZE outbox`)
		}
		o := outbox.New(options)
		p.run(o)
		p.until("some are sent", func() bool { return sent.entries() > 100 })
		row, err := outbox.Seal(p.keys, outbox.Entry{Kind: kind, Payload: []byte("new")}, options.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.db.Write.ExecContext(t.Context(), outbox.Insert, row.Args()...); err != nil {
			t.Fatal(err)
		}
		added, before := time.Now(), sent.entries()
		o.Wake()
		// Those that are being sent, those of a lease that did not see it yet, and those of its own.
		if others := <-fresh - before; others > 3*8 {
			t.Errorf("beside %d others it had to wait for %d", waiting, others)
		}
		if took := time.Since(added); timed && took > 2*time.Second {
			t.Errorf("beside %d others it took %s", waiting, took)
		}
		p.until("the old ones go on", func() bool { return sent.entries() > before+100 })
	})
}

// Many that have failed together and are due again together do not come before a new one.
func TestNewEntryBesideThoseThatFailed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		p.add(mails(500)...)
		p.exec(`UPDATE outbox SET tries = 1, due_at = $1`, epoch.Add(2*time.Second))
		p.advance(time.Second)
		id := p.add(mails(1)...)[0]
		p.advance(time.Second)
		leased, err := outbox.New(p.options(new(sends).handle)).Lease(t.Context(), kind)
		if err != nil || len(leased) != 8 || !slices.Contains(leased, id) {
			t.Errorf("%d were leased, the new one among them: %t; error %v", len(leased), slices.Contains(leased, id), err)
		}
	})
}

// Half of a lease are the newest and half the oldest, of both less what nobody waits for, which gets an eighth in any
// case; each entry is taken once, and none is left out while there is room.
func TestShare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := make([]uuid.UUID, rapid.IntRange(0, 40).Draw(t, "awaited"))
		for i := range all {
			all[i] = uuid.New()
		}
		bulk := make([]uuid.UUID, rapid.IntRange(0, 40).Draw(t, "bulk"))
		for i := range bulk {
			bulk[i] = uuid.New()
		}
		newest := slices.Clone(all)
		slices.Reverse(newest)
		most := rapid.IntRange(1, 64).Draw(t, "most")
		for _, taken := range outbox.Share([3][]uuid.UUID{newest, all, bulk}, most, 3) {
			if want := min(most, len(all)+len(bulk)); len(taken) != want {
				t.Fatalf("%d were taken of %d and %d, want %d", len(taken), len(all), len(bulk), want)
			}
			seen := map[uuid.UUID]bool{}
			for _, id := range taken {
				if seen[id] {
					t.Fatal("one was taken twice")
				}
				seen[id] = true
			}
		}
	})
	lists := [3][]uuid.UUID{ids(100), ids(100), ids(100)}
	for _, most := range []int{1, 3, 8, 16} {
		var got [3]int
		for _, taken := range outbox.Share(lists, most, 16) {
			for _, id := range taken {
				for i := range lists {
					if slices.Contains(lists[i], id) {
						got[i]++
					}
				}
			}
		}
		if total := 16 * most; got[0] != total/2 || got[2] != total/8 {
			t.Errorf("of leases of %d, %v were taken from the three", most, got)
		}
	}
}

func ids(n int) []uuid.UUID {
	out := make([]uuid.UUID, n)
	for i := range out {
		out[i] = uuid.New()
	}
	return out
}
