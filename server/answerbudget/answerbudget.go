// Package answerbudget bounds the memory that answers take. Each operation has its own Budget, and all operations of a
// process share one Memory. So do other things that many ask for and that may be large.
//
// The cost of an operation bounds how many rows it reads, but neither how long their texts are nor how often a document
// repeats a text by aliases. So bytes are counted at two points: texts when they are read from the database or
// rendered, and the answer while it is written. The counting code stops at the first error, which the transport turns
// into the operation's only answer.
package answerbudget

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
)

var (
	// ErrAnswer means that the answer of an operation would be larger than allowed.
	ErrAnswer = errors.New("answerbudget: the answer is too large")
	// ErrMemory means that all operations together already take as much memory as allowed, or those of the network.
	ErrMemory = errors.New("answerbudget: the memory for answers is in use")
)

const (
	// free is how many bytes an operation may use without drawing on the shared memory. Few answers are larger, so most
	// never touch it; and as the number of concurrent operations is limited, so is what they use this way.
	free = 64 << 10
	// step is how many bytes are drawn at a time.
	step = 256 << 10
	// copies is how many copies of an answer are in memory at most: a growing buffer holds up to two, one is taken out
	// of it, and one more is made for the envelope.
	copies = 4
)

// Budget bounds and counts the bytes of one operation, or of one event of a subscription. A nil Budget has no bounds.
// It is safe for concurrent use.
type Budget struct {
	share Share
	most  int
	read  atomic.Int64 // bytes of the texts that go into the answer
	held  atomic.Int64 // bytes of everything else that was read for it

	mu      sync.Mutex // guards what follows
	written int        // bytes of the answer
	drawn   int        // bytes taken from memory
	err     error      // the first one, which stays
}

// Budget returns a budget for an answer of at most the given size, for nobody in particular.
func (m *Memory) Budget(most int) *Budget { return m.Of(netip.Prefix{}).Budget(most) }

// Budget returns a budget for an answer of at most the given size. Close gives back the memory that it draws.
func (s Share) Budget(most int) *Budget { return &Budget{share: s, most: most} }

// Reserve draws what an answer with n bytes of text needs, before there is one. What it then needs beyond that is drawn
// as it grows.
func (b *Budget) Reserve(n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.draw((1 + copies) * n)
}

// Read counts n bytes of text that the operation has read. All its texts together may have as many bytes as the answer.
func (b *Budget) Read(n int) error {
	if b == nil {
		return nil
	}
	if total := b.read.Add(int64(n)) + b.held.Load(); total <= free {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.check()
}

// Hold counts n bytes that the operation needs but that do not become part of the answer, such as rows of which little
// is shown. Only the shared memory bounds them, since the cost of the operation already bounds the number of rows.
func (b *Budget) Hold(n int) error {
	if b == nil {
		return nil
	}
	if total := b.held.Add(int64(n)) + b.read.Load(); total <= free {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.check()
}

// Write notes that the answer has n bytes so far. It returns how many it may have before Write must be called again,
// which saves most calls the lock.
func (b *Budget) Write(n int) (room int, err error) {
	if b == nil {
		return math.MaxInt, nil
	}
	if n == 0 {
		return min(free/copies, b.most), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.written = n
	return min(n+step/copies, b.most), b.check()
}

// check draws as much memory as is missing, in whole steps. It needs mu.
func (b *Budget) check() error {
	if b.err != nil {
		return b.err
	}
	read := b.read.Load()
	if read > int64(b.most) || b.written > b.most {
		b.err = ErrAnswer
		return b.err
	}
	return b.draw(int(read+b.held.Load()) + copies*b.written)
}

// draw draws what is missing of so many bytes. It needs mu.
func (b *Budget) draw(bytes int) error {
	if missing := bytes - free - b.drawn; missing > 0 {
		n := (missing + step - 1) / step * step
		if !b.share.extend(b.drawn, n) {
			b.err = ErrMemory
			return b.err
		}
		b.drawn += n
	}
	return nil
}

// Keep gives back the memory that was drawn, except for n bytes: those of the answer, until it is sent and Close is
// called.
func (b *Budget) Keep(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if rest := b.drawn - n; rest > 0 {
		b.share.Give(rest)
		b.drawn = n
	}
}

// Err returns why the operation must end, or nil.
func (b *Budget) Err() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Close gives back all memory that was drawn. What was counted must no longer be in use, or belong to somebody else by
// now.
func (b *Budget) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.share.Give(b.drawn)
	b.drawn = 0
}

// Largest returns the size of the largest answer for which a Memory of so many bytes has room, if it gives it to this
// answer alone.
func Largest(memory int64) int { return int(min(memory/(1+copies), math.MaxInt32)) }

type key struct{}

// With returns a context that carries a budget.
func With(ctx context.Context, b *Budget) context.Context { return context.WithValue(ctx, key{}, b) }

// From returns the budget of an operation, or nil, which has no bounds, if there is none.
func From(ctx context.Context) *Budget {
	b, _ := ctx.Value(key{}).(*Budget)
	return b
}
