package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/ledger"
)

// filled returns a queue with these words in it: each letter is an entry of the petition of that letter.
func filled(t *testing.T, room int, letters string) *ledger.Queue {
	t.Helper()
	q := ledger.NewQueue(room)
	for _, letter := range letters {
		if err := q.Push(uuid.UUID{byte(letter)}); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

func letters(ids []uuid.UUID) string {
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
				got = append(got, letters(q.Take(tt.most)))
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
		if err := q.Push(uuid.UUID{letter}); !errors.Is(err, want) {
			t.Errorf("%c: got %v, want %v", letter, err, want)
		}
	}
	push('h', ledger.ErrBusy) // more than half
	push('a', nil)
	push('b', nil)
	push('c', ledger.ErrBusy) // all
	q.Take(1)
	push('h', nil)
	q.Done()
	if got := letters(q.GiveUp()); len(got) != 5 {
		t.Errorf("drained %q, want five", got)
	}
	push('h', nil)
	q.Close()
	push('h', ledger.ErrUnavailable)
	if got := letters(q.Take(9)) + letters(q.Take(9)); got != "h" {
		t.Errorf("got %q after the end, want what waited and then nothing", got)
	}
}

// TestHotPetitionLeavesRoom fills the queue with one petition: another one is signed meanwhile, in the next
// batch.
func TestHotPetitionLeavesRoom(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		hot, cold := petition(t, db, open()), petition(t, db, open())
		b := running(t, db, ledger.Options{MaxQueue: 40, MaxBatch: 4})
		held, entered, release := hold()
		s.play(held)
		first := b.Queue(signature(hot, "first"))
		<-entered
		rest := b.Queue(signatures(hot, 20)...)
		if _, err := b.Sign(t.Context(), signature(hot, "late")); !errors.Is(err, ledger.ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		other := b.Queue(signature(cold, "ann"))
		release()
		must(t, other()...)
		must(t, append(first(), rest()...)...)
		// a batch has one time
		before := scan[int](t, db, `SELECT COUNT(*) FROM signatures WHERE petition_id = $1
 AND signed_at <= (SELECT signed_at FROM signatures WHERE petition_id = $2)`, hot, cold)
		if before > 9 {
			t.Errorf("%d others were written before the cold petition's", before)
		}
		audit(t, db, hot)
		audit(t, db, cold)
	})
}

// TestQueueLanes has several lanes take from one queue: none takes of a petition of which another one writes, and a
// second one begins beside the first when a crowd waits or the first takes long.
func TestQueueLanes(t *testing.T) {
	t.Parallel()
	q := ledger.NewQueue(1000)
	first, second := q.Lane(), q.Lane()
	push := func(petition byte, n int) {
		t.Helper()
		for range n {
			if err := q.Push(uuid.UUID{petition}); err != nil {
				t.Fatal(err)
			}
		}
	}
	push('a', 1)
	if got := letters(first.Take(10)); got != "a" { // at once
		t.Fatalf("took %q", got)
	}
	push('a', 3)
	push('b', ledger.Crowd-1)
	if second.Due() {
		t.Error("a second lane begins before there is a crowd; those of the first one's petition do not count")
	}
	push('c', 1)
	if got := letters(second.Take(2)); got != "bc" {
		t.Errorf("took %q, want each petition in its turn but the one of which a lane writes", got)
	}
	first.Done()
	if first.Due() {
		t.Error("a lane begins beside the second before there is a crowd")
	}
	waited := time.Now()
	if got := letters(first.Take(2)); got != "aa" {
		t.Errorf("took %q, want two of the petition that was written first", got)
	}
	if took := time.Since(waited); took < ledger.PatientFor/2 {
		t.Errorf("waited %v for the second lane, want %v", took, ledger.PatientFor)
	}
	second.Done()
	first.Done()
	if got := letters(first.Take(1000)); len(got) != ledger.Crowd-2+1 {
		t.Errorf("%d entries are left, want %d", len(got), ledger.Crowd-1)
	}
}

// TestQueueGivesUp ends a batch in vain while another lane is idle: what waited behind the batch goes with it, and is
// not the other lane's to try again.
func TestQueueGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := filled(t, 1000, "a")
		other := q.Lane()
		if got := letters(q.Take(1)); got != "a" {
			t.Fatalf("took %q", got)
		}
		taken := make(chan string)
		go func() { taken <- letters(other.Take(10)) }()
		push := func(letter byte) {
			t.Helper()
			if err := q.Push(uuid.UUID{letter}); err != nil {
				t.Fatal(err)
			}
		}
		push('a')
		push('a')
		synctest.Wait()
		if got := letters(q.GiveUp()); got != "aa" {
			t.Errorf("%q went with the batch, want what waited behind it", got)
		}
		synctest.Wait()
		push('b')
		if got := <-taken; got != "b" {
			t.Errorf("the other lane took %q, want what came afterwards", got)
		}
		other.Done()
		if n := q.Petitions(); n != 0 {
			t.Errorf("%d petitions are left", n)
		}
	})
}

// TestQueueGivesBack keeps no line of a petition for which nobody waits.
func TestQueueGivesBack(t *testing.T) {
	t.Parallel()
	q := ledger.NewQueue(10)
	for n := range 1000 {
		if err := q.Push(uuid.UUID{byte(n), byte(n >> 8)}); err != nil {
			t.Fatal(err)
		}
		if got := q.Take(5); len(got) != 1 {
			t.Fatalf("took %d", len(got))
		}
	}
	q.Done()
	if n := q.Petitions(); n != 0 {
		t.Errorf("%d petitions are left", n)
	}
}
