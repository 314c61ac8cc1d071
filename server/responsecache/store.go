package responsecache

import (
	"context"
	"time"
)

// Key says which answer is meant.
type Key [32]byte

// Verdict says who may have what was computed.
type Verdict uint8

const (
	// Own is for the caller who computed it: those who waited compute for themselves, all at once.
	Own Verdict = iota
	// Tell is for those who waited, too, and is not kept.
	Tell
	// Keep is for everybody, until something in it changes.
	Keep
)

// How says where an answer came from.
type How uint8

const (
	// Computed for this caller.
	Computed How = iota
	// Joined is computed for another caller while this one waited.
	Joined
	// Hit was kept.
	Hit
)

// Options say what a [Store] keeps and for how long. All are needed.
type Options[V any] struct {
	// Bytes bounds what is kept, with what it takes to find and to drop it.
	Bytes int
	// Size is what a value takes in memory, about.
	Size func(V) int
	// Longest is how old an answer grows at most. It counts from the moment when it was computed, as the next does; while
	// the store is cautious, from that when computing began.
	Longest time.Duration
	// Brief is the same for what [Briefly] was said of, and for everything while the store is cautious.
	Brief time.Duration
	// Now is the clock.
	Now func() time.Time
}

// Store keeps answers of type V, which nobody may change any more.
type Store[V any] struct {
	shelf

	size func(V) int
}

// New returns an empty Store.
func New[V any](o Options[V]) *Store[V] {
	return &Store[V]{size: o.Size, shelf: newShelf(o.Bytes, o.Longest, o.Brief, o.Now)}
}

// Get returns the answer of key: what is kept, or what is computed now, once for all who ask at the same time.
// The one whose compute it is runs it to its end, even if ctx ends; those who wait for another's leave with ctx,
// which returns the only error. compute says on its [Recorder] what the result depends on. The recorder is nil where
// the result will be nobody else's: then the computation may end with the caller's context.
//
// An answer may be part of one that is computed under ctx for another store. What is kept makes that as old as itself.
// What the part depends on is the caller's to say of the whole, too; and it must be dropped from the store of the parts
// first, or the whole could be made of an old part after its own drop.
func (s *Store[V]) Get(ctx context.Context, key Key, compute func(*Recorder) (V, Verdict)) (value V, how How, err error) {
	// Under constant drops one could wait without end for a result that is stale when it comes: so only twice.
	for range 2 {
		e, role, at := s.enter(ctx, key)
		switch role {
		case finder:
			contains(ctx, e)
			return valueOf[V](e), Hit, nil
		case author:
			return s.author(e, compute), Computed, nil
		}
		select {
		case <-e.done:
		case <-ctx.Done():
			return value, Joined, context.Cause(ctx)
		}
		verdict, mine := s.judge(e, at)
		if mine {
			return valueOf[V](e), Joined, nil
		}
		if verdict == Own {
			break // and not one after the other: all who waited compute now
		}
	}
	s.countUnshared()
	value, _ = compute(nil)
	return value, Computed, nil
}

// author computes for everybody. Whatever happens in compute, those who wait learn that it has ended.
func (s *Store[V]) author(e *entry, compute func(*Recorder) (V, Verdict)) (value V) {
	verdict := Own
	defer func() {
		bytes := 0
		if verdict == Keep {
			bytes = s.size(value)
		}
		s.finish(e, value, verdict, bytes)
	}()
	value, verdict = compute(&Recorder{shelf: &s.shelf, entry: e})
	return value
}

// Kept returns the answer of key if it is kept. It allocates nothing.
func (s *Store[V]) Kept(key Key) (value V, ok bool) {
	e := s.find(key)
	if e == nil {
		return value, false
	}
	return valueOf[V](e), true
}

// valueOf returns what an entry holds.
func valueOf[V any](e *entry) V {
	value, _ := e.value.(V) // nil, if V is an interface
	return value
}
