package queue_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/ledger/queue"
)

// entry is one that waits, known by its petition alone.
type entry uuid.UUID

func (e entry) Of() uuid.UUID { return uuid.UUID(e) }

// waiting is a queue with a lane of its own.
type waiting struct {
	*queue.Queue[entry]
	*lane
}

func newQueue(room int) *waiting {
	q := queue.New[entry](room)
	return &waiting{q, &lane{of: q.Lane()}}
}

// other returns another lane.
func (w *waiting) other() *lane { return &lane{of: w.Queue.Lane()} }

// push queues an entry of a petition.
func (w *waiting) push(petition uuid.UUID) error { return w.Push(entry(petition)) }

// lane takes one batch after another.
type lane struct {
	of    *queue.Lane[entry]
	taken []entry
}

// take ends the batch before and returns the petitions of the next entries, at most n.
func (l *lane) take(n int) []entry {
	l.done()
	l.taken = l.of.Take(nil, n)
	return l.taken
}

// done ends the batch that was taken last.
func (l *lane) done() {
	l.of.Done(l.taken)
	l.taken = nil
}

// giveUp ends the batch that was taken last and returns the petitions of all that waited behind it.
func (l *lane) giveUp() []entry {
	taken := l.taken
	l.taken = nil
	return l.of.GiveUp(taken)
}

// filled returns a queue with these words in it: each letter is an entry of the petition of that letter.
func filled(t *testing.T, room int, letters string) *waiting {
	t.Helper()
	q := newQueue(room)
	for _, letter := range letters {
		if err := q.push(uuid.UUID{byte(letter)}); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

func letters(ids []entry) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteByte(id[0])
	}
	return b.String()
}

func TestQueueIsFair(t *testing.T) {
	t.Parallel()
	hot := strings.Repeat("h", 100)
	tests := []struct {
		name, waiting string
		most          int
		want          []string // batches
	}{
		{"Lone", "h", 4, []string{"h"}},
		{"OneLine", "hhhhh", 4, []string{"hhhh", "h"}},
		{"ColdBehindHot", hot + "ab", 6, []string{"hhabhh", "hhhhhh"}},
		{"MoreLinesThanPlaces", "aabbccdd", 3, []string{"abc", "dab", "cd"}},
		{"WhatOneLeavesGoesOn", "abbbbbb", 6, []string{"abbbbb", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := filled(t, 1000, tt.waiting)
			var got []string
			for range tt.want {
				got = append(got, letters(q.take(tt.most)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("batches (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueueRoom(t *testing.T) {
	t.Parallel()
	q := filled(t, 5, "hhh")
	push := func(letter byte, want error) {
		t.Helper()
		if err := q.push(uuid.UUID{letter}); !errors.Is(err, want) {
			t.Errorf("%c: got %v, want %v", letter, err, want)
		}
	}
	push('h', queue.ErrFull) // more than half
	push('a', nil)
	push('b', nil)
	push('c', queue.ErrFull) // all
	q.take(1)
	push('h', nil)
	q.done()
	if got := letters(q.giveUp()); len(got) != 5 {
		t.Errorf("drained %q, want five", got)
	}
	push('h', nil)
	q.Close()
	push('h', queue.ErrClosed)
	if got := letters(q.take(9)) + letters(q.take(9)); got != "h" {
		t.Errorf("got %q after the end, want what waited and then nothing", got)
	}
}

// TestQueueLanes has several lanes take from one queue: none takes of a petition of which another one writes, and a
// second one begins beside the first when a crowd waits or the first takes long.
func TestQueueLanes(t *testing.T) {
	t.Parallel()
	q := newQueue(1000)
	first, second := q.other(), q.other()
	push := func(petition byte, n int) {
		t.Helper()
		for range n {
			if err := q.push(uuid.UUID{petition}); err != nil {
				t.Fatal(err)
			}
		}
	}
	push('a', 1)
	if got := letters(first.take(10)); got != "a" { // at once
		t.Fatalf("took %q", got)
	}
	push('a', 3)
	push('b', queue.Crowd-1)
	if second.of.Due() {
		t.Error("a second lane begins before there is a crowd; those of the first one's petition do not count")
	}
	push('c', 1)
	if got := letters(second.take(2)); got != "bc" {
		t.Errorf("took %q, want each petition in its turn but the one of which a lane writes", got)
	}
	first.done()
	if first.of.Due() {
		t.Error("a lane begins beside the second before there is a crowd")
	}
	waited := time.Now()
	if got := letters(first.take(2)); got != "aa" {
		t.Errorf("took %q, want two of the petition that was written first", got)
	}
	if took := time.Since(waited); took < queue.PatientFor/2 {
		t.Errorf("waited %v for the second lane, want %v", took, queue.PatientFor)
	}
	second.done()
	first.done()
	if got := letters(first.take(1000)); len(got) != queue.Crowd-2+1 {
		t.Errorf("%d entries are left, want %d", len(got), queue.Crowd-1)
	}
}

// TestQueueGivesUp ends a batch in vain while another lane is idle: what waited behind the batch goes with it, and is
// not the other lane's to try again.
func TestQueueGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := filled(t, 1000, "a")
		other := q.other()
		if got := letters(q.take(1)); got != "a" {
			t.Fatalf("took %q", got)
		}
		taken := make(chan string)
		go func() { taken <- letters(other.take(10)) }()
		push := func(letter byte) {
			t.Helper()
			if err := q.push(uuid.UUID{letter}); err != nil {
				t.Fatal(err)
			}
		}
		push('a')
		push('a')
		synctest.Wait()
		if got := letters(q.giveUp()); got != "aa" {
			t.Errorf("%q went with the batch, want what waited behind it", got)
		}
		synctest.Wait()
		push('b')
		if got := <-taken; got != "b" {
			t.Errorf("the other lane took %q, want what came afterwards", got)
		}
		other.done()
		if n := q.Petitions(); n != 0 {
			t.Errorf("%d petitions are left", n)
		}
	})
}

// TestQueueGivesBack keeps no line of a petition for which nobody waits.
func TestQueueGivesBack(t *testing.T) {
	t.Parallel()
	q := newQueue(10)
	for n := range 1000 {
		if err := q.push(uuid.UUID{byte(n), byte(n >> 8)}); err != nil {
			t.Fatal(err)
		}
		if got := q.take(5); len(got) != 1 {
			t.Fatalf("took %d", len(got))
		}
	}
	q.done()
	if n := q.Petitions(); n != 0 {
		t.Errorf("%d petitions are left", n)
	}
}
