package connection

import (
	"testing"

	"petitiond/server/answerbudget"
	"petitiond/server/transport/credential"
)

// deaf is a connection whose client reads so many bytes and no more.
type deaf struct{ takes int }

func (d *deaf) Write(data []byte) (int, error) {
	n := min(d.takes, len(data))
	d.takes -= n
	return n, nil
}
func (*deaf) Finish()       {}
func (*deaf) Pause()        {}
func (*deaf) Resume() error { return nil }
func (*deaf) Close()        {}

// What a client does not take is kept within bounds, the rest of the first message no less than what comes after it,
// and counts as memory until it has left or the connection is given up.
func TestBuffer(t *testing.T) {
	t.Parallel()
	const answer = 64 << 10
	most := 2*answer + spareBytes
	for name, test := range map[string]struct {
		memory int64
		takes  int
		writes []int
		kept   int // -1: the connection was given up
	}{
		"Taken":        {0, 1 << 20, []int{1 << 20}, 0},
		"Most":         {0, 1000, []int{most + 1000}, most},
		"FirstTooMuch": {0, 1000, []int{most + 1001}, -1},
		"Rest":         {0, 0, []int{1000, most - 1000}, most},
		"RestTooMuch":  {0, 0, []int{1000, most - 999}, -1},
		"NoMemory":     {1 << 10, 100, []int{1000, 500}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newLoneKeeper(t)
			if k.Answer = answer; test.memory > 0 {
				k.Memory = answerbudget.NewMemory(test.memory, 2)
			}
			client := &deaf{takes: test.takes}
			c := &Conn{keeper: k, out: outgoing{conn: client}}
			if f := k.admit(c, credential.Identity{}); f != nil {
				t.Fatal(f.Errors)
			}
			for _, n := range test.writes {
				c.mu.Lock()
				if !c.gone {
					c.write(make([]byte, n))
				}
				c.mu.Unlock()
			}
			if gone := test.kept < 0; c.gone != gone {
				t.Errorf("given up: %v, want %v", c.gone, gone)
			}
			if taken := k.Memory.Taken(); taken != int64(max(test.kept, 0)) || len(c.out.pending) != max(test.kept, 0) {
				t.Errorf("%d bytes are kept and %d counted, want %d", len(c.out.pending), taken, test.kept)
			}
			client.takes = 1 << 30
			c.Ready()
			if taken := k.Memory.Taken(); taken != 0 {
				t.Errorf("%d bytes are counted when all has left", taken)
			}
			c.Lost()
		})
	}
}

// A client that does not read cannot stay by sending something long now and then: its time goes on.
func TestStalledBesideLongMessages(t *testing.T) {
	t.Parallel()
	k := newLoneKeeper(t)
	c := &Conn{keeper: k, out: outgoing{conn: &deaf{}}}
	if f := k.admit(c, credential.Identity{}); f != nil {
		t.Fatal(f.Errors)
	}
	c.mu.Lock()
	now := k.ticks()
	c.out.stalled, c.in.paused = now-1000, now
	c.in.texts = [][]byte{[]byte(`{"type":"complete","id":"nothing"}`)}
	c.mu.Unlock()
	c.read()
	c.mu.Lock()
	if since := k.ticks() - c.out.stalled; since < 900 {
		t.Errorf("stalled since %d ticks, want 1000 and those of the pause", since)
	}
	c.out.stalled, c.in.texts = now-1000, [][]byte{nil} // another is being read
	c.mu.Unlock()
	c.inspect(k.ticks())
	if !c.over() {
		t.Error("a client that has not read for long is still there")
	}
}
