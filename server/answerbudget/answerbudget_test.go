package answerbudget

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	m := NewMemory(64<<20, 2)
	b := m.Budget(1 << 20)
	room, err := b.Write(0)
	if err != nil || room <= 0 || room > free {
		t.Fatalf("begins with room %d, %v", room, err)
	}
	for n := room + 1; n <= 1<<20; n = room + 1 {
		if room, err = b.Write(n); err != nil {
			t.Fatalf("refused at %d bytes: %v", n, err)
		}
		if room < n || room > 1<<20 {
			t.Fatalf("room %d at %d bytes", room, n)
		}
	}
	if _, err := b.Write(1<<20 + 1); !errors.Is(err, ErrAnswer) {
		t.Errorf("one byte too many: %v", err)
	}
	if err := b.Read(1); err != nil {
		t.Errorf("small texts are not looked at: %v", err)
	}
	if err := b.Read(free); !errors.Is(err, ErrAnswer) {
		t.Errorf("after the end: %v", err)
	}
	if taken := m.Taken(); taken < copies<<20-free || taken > copies<<20+step {
		t.Errorf("%d bytes are taken", taken)
	}
	b.Close()
	b.Close()
	if taken := m.Taken(); taken != 0 || !errors.Is(b.Err(), ErrAnswer) {
		t.Errorf("%d bytes are taken after the end, which was for %v", taken, b.Err())
	}
}

func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	b := NewMemory(64<<20, 2).Budget(1 << 20)
	for range 16 {
		if err := b.Read(1 << 16); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Read(1); !errors.Is(err, ErrAnswer) || !errors.Is(b.Err(), ErrAnswer) {
		t.Errorf("one byte too many: %v, %v", err, b.Err())
	}
}

// What is held beside the answer is bounded by the memory, not by the size of the answer.
func TestHeldIsBounded(t *testing.T) {
	t.Parallel()
	m := NewMemory(2<<20, 2)
	b := m.Budget(1 << 20)
	if err := b.Hold(1800 << 10); err != nil {
		t.Errorf("more than an answer: %v", err)
	}
	if err := b.Hold(1 << 20); !errors.Is(err, ErrMemory) {
		t.Errorf("more than the memory: %v", err)
	}
	b.Close()
	if taken := m.Taken(); taken != 0 {
		t.Errorf("%d bytes are taken after the end", taken)
	}
}

// However many there are: together they never take more than there is, and what was refused takes nothing.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const most = 8 << 20
	m := NewMemory(most, 2)
	var all, tried sync.WaitGroup
	tried.Add(50)
	var refused atomic.Int32
	for range 50 {
		all.Go(func() {
			b := m.Budget(4 << 20)
			defer b.Close()
			defer tried.Wait() // all of them hold what they took
			defer tried.Done()
			for n := 1; n < 1<<20; n += 10_000 {
				_, err := b.Write(n)
				if taken := m.Taken(); taken > most {
					t.Errorf("%d bytes are taken", taken)
				}
				if errors.Is(err, ErrMemory) {
					refused.Add(1)
					return
				}
			}
		})
	}
	all.Wait()
	if refused.Load() < 40 || m.Taken() != 0 {
		t.Errorf("%d refused, %d bytes left", refused.Load(), m.Taken())
	}
	if !m.Take(most) || m.Take(1) {
		t.Error("the memory has another size")
	}
}

func TestWithoutBudget(t *testing.T) {
	t.Parallel()
	b := From(context.Background())
	room, err := b.Write(1 << 30)
	if room < 1<<30 || err != nil || b.Read(1<<30) != nil || b.Err() != nil {
		t.Error("what has no budget is bounded")
	}
}
