package responsecache

import (
	"context"
	"sync"
	"time"
)

// Topic is something that answers depend on. What it means is the caller's matter.
type Topic struct {
	Kind uint8
	ID   [16]byte
}

// Recorder notes what one answer depends on. It may be used by many goroutines, until the answer is there.
type Recorder struct {
	shelf *shelf
	entry *entry

	mu   sync.Mutex // guards seen
	seen map[Topic]struct{}
}

type recorderKey struct{}

// Within returns a context in which [On], [Briefly] and [Costly] speak of r's answer.
func (r *Recorder) Within(ctx context.Context) context.Context {
	if r == nil {
		return ctx
	}
	return context.WithValue(ctx, recorderKey{}, r)
}

// On says that the answer that is computed under ctx depends on these topics. It may be said before they are read or
// after, but before the answer is there. Where no answer is recorded it does nothing.
func On(ctx context.Context, topics ...Topic) {
	if r, ok := ctx.Value(recorderKey{}).(*Recorder); ok {
		r.on(topics)
	}
}

// Recorded reports whether an answer is recorded under ctx, so that those who would name topics need not make them.
func Recorded(ctx context.Context) bool {
	_, ok := ctx.Value(recorderKey{}).(*Recorder)
	return ok
}

// Briefly says that the answer that is computed under ctx may change without a word: it is kept for a moment only.
func Briefly(ctx context.Context) {
	if r, ok := ctx.Value(recorderKey{}).(*Recorder); ok {
		r.shelf.brief(r.entry)
	}
}

// Costly says that the answer that is computed under ctx may change without a word, and takes long to compute: it is
// kept for a moment, or for nineteen times as long as computing took, up to longest.
func Costly(ctx context.Context, longest time.Duration) {
	if r, ok := ctx.Value(recorderKey{}).(*Recorder); ok {
		r.shelf.cost(r.entry, longest)
	}
}

// contains makes the answer that is computed under ctx as old as a part of it that was kept.
func contains(ctx context.Context, part *entry) {
	if r, ok := ctx.Value(recorderKey{}).(*Recorder); ok {
		r.shelf.age(r.entry, part)
	}
}

// on notes topics. The lock that all answers share is taken only for those that are new to this one.
func (r *Recorder) on(topics []Topic) {
	if links := r.unseen(topics); len(links) > 0 {
		r.shelf.learn(r.entry, links)
	}
}

// unseen makes a link for every topic that was not named before. A list names its petition for every row: none of
// that should take the lock that everybody needs. Naming is over before learning is, so another goroutine may go on
// while the first still waits for that lock; both are waited for before the answer is there.
func (r *Recorder) unseen(topics []Topic) []link {
	r.mu.Lock()
	defer r.mu.Unlock()
	var links []link
	for _, t := range topics {
		if _, known := r.seen[t]; known {
			continue
		}
		if r.seen == nil {
			r.seen = make(map[Topic]struct{}, 8)
		}
		r.seen[t] = struct{}{}
		if links == nil {
			links = make([]link, 0, len(topics))
		}
		links = append(links, link{topic: t, entry: r.entry})
	}
	return links
}
