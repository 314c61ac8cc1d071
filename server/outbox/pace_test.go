package outbox_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"petitiond/server/outbox"
)

// Over any time no more are begun with than the rate times the time and one burst; and while there are always some to
// begin with, not fewer than the rate either.
func TestPace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 10_000).Draw(t, "rate")
		p := outbox.NewPace(rate)
		now, taken := epoch, []int{}
		var at []time.Time
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300_000).Draw(t, "µs")) * time.Microsecond)
			at, taken = append(at, now), append(taken, p.Take(now, rapid.IntRange(1, 2000).Draw(t, "most")))
		}
		for i := range at {
			total := 0
			for j := i; j < len(at); j++ {
				total += taken[j]
				bound := at[j].Sub(at[i]).Seconds()*float64(rate) + max(1, float64(rate)/10)
				if float64(total) > bound+1e-6 {
					t.Fatalf("%d within %s at %d a second", total, at[j].Sub(at[i]), rate)
				}
			}
		}
	})
	for _, rate := range []int{1, 3, 50, 500, 9999} {
		p, total := outbox.NewPace(rate), 0
		for i := range 10_000 {
			total += p.Take(epoch.Add(time.Duration(i)*time.Millisecond), 1000)
		}
		if total < rate*10*99/100-1 || total > rate*10+rate/10+1 {
			t.Errorf("%d in ten seconds at %d a second", total, rate)
		}
	}
}

// A step that a wrong clock has written far ahead holds nothing up.
func TestPaceFromAWrongClock(t *testing.T) {
	t.Parallel()
	p := outbox.NewPace(10)
	p.Next = epoch.Add(time.Hour)
	if p.Take(epoch, 5) == 0 {
		t.Error("held up for an hour")
	}
}

// Two replicas together keep one pace.
func TestReplicasKeepOnePace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *post) {
		options := p.options(new(sends).handle)
		options.Pace, options.Batch = 50, 20
		boxes := []*outbox.Outbox{outbox.New(options), outbox.New(options)}
		p.add(mails(300)...)
		total, by := 0, [2]int{}
		const looks = 200
		for i := range looks {
			ids, err := boxes[i%2].Lease(t.Context(), kind)
			if err != nil {
				t.Fatal(err)
			}
			total, by[i%2] = total+len(ids), by[i%2]+len(ids)
			p.advance(20 * time.Millisecond)
		}
		// 200 looks over 3.98 s, and a burst of a tenth of a second.
		if most := 199 + 5; total > most || total < 190 || by[0] == 0 || by[1] == 0 {
			t.Errorf("%d in 4 s, %d and %d by each; want at most %d", total, by[0], by[1], most)
		}
	})
}
