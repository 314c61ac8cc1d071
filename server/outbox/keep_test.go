package outbox_test

import (
	"testing"
	"time"

	"petitiond/server/outbox"
)

// What was given up is kept sealed for 30 days and then deleted, as is what nobody has a handler for.
func TestSweep(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		const month = 30 * 24 * time.Hour
		o := outbox.New(p.options(new(sends).handle))
		p.add(mails(2500)...)
		p.exec(`UPDATE outbox SET parked_at = $1, tries = 8`, p.now())
		kept := p.add(mails(1)...)[0]
		p.exec(`UPDATE outbox SET parked_at = $1 WHERE id = $2`, p.now().Add(time.Second), kept)
		p.add(outbox.Entry{Kind: "unknown"}, outbox.Entry{Kind: "unknown", Due: p.now().Add(time.Second)})
		p.advance(month)
		if err := o.Sweep(t.Context()); err != nil || p.count(`1 = 1`) != 2503 {
			t.Errorf("after 30 days %d are left, error %v", p.count(`1 = 1`), err)
		}
		p.advance(time.Microsecond)
		if err := o.Sweep(t.Context()); err != nil || p.count(`1 = 1`) != 2 || p.count(`id = $1`, kept) != 1 {
			t.Errorf("a moment later %d are left, error %v", p.count(`1 = 1`), err)
		}
	})
}

// Entries that a wrong clock has dated ahead are sent at once when it is right; a time that was planned stays.
func TestRedate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		p.advance(24 * time.Hour)
		p.add(mails(3)...)
		p.advance(-24 * time.Hour)
		p.add(outbox.Entry{Kind: kind, Due: p.now().Add(time.Hour)})
		n, err := outbox.Redate(t.Context(), p.db.Write, p.now())
		if err != nil || n != 3 || p.count(`due_at <= $1`, p.now()) != 3 || p.count(`due_at > $1`, p.now()) != 1 {
			t.Errorf("%d were dated anew, %d are due, error %v", n, p.count(`due_at <= $1`, p.now()), err)
		}
	})
}

// The numbers are those of all replicas.
func TestStats(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		o := outbox.New(p.options(new(sends).handle))
		p.add(mails(2)...)
		p.add(outbox.Entry{Kind: kind, Priority: outbox.Bulk, Due: epoch.Add(-time.Hour)}, outbox.Entry{Kind: kind, Due: epoch.Add(time.Hour)})
		parked := p.add(mails(1)...)[0]
		p.exec(`UPDATE outbox SET parked_at = $1 WHERE id = $2`, p.now(), parked)
		p.advance(time.Minute)
		o.Count(t.Context())
		want := outbox.Stats{Kind: kind, Waiting: 4, Parked: 1, Oldest: time.Hour + time.Minute}
		if got := o.Stats(); len(got) != 1 || got[0] != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}
