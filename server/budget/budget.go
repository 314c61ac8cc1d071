// Package budget bounds the memory that answers take: each operation has a Budget of its own, and all operations of a
// process draw on one Memory.
//
// The cost of an operation bounds how many rows it reads, but not how long their texts are, nor how often a document
// repeats one by aliases. So bytes are counted twice over: the texts that are read from the database or rendered, when
// they arrive, and the answer, while it is written. Whoever counts stops at the first error, which the transport turns
// into the operation's only answer.
package budget

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
)

var (
	// ErrAnswer means that an operation has used up its budget: its answer would be larger than it may be.
	ErrAnswer = errors.New("budget: the answer is too large")
	// ErrMemory means that operations take as much memory together as they may.
	ErrMemory = errors.New("budget: the memory for answers is in use")
)

const (
	// free are the bytes that an operation may count without drawing on the memory that all have together. Hardly an
	// answer is larger, and as many operations as run at once may each have so many.
	free = 64 << 10
	// step are the bytes that are drawn at once.
	step = 256 << 10
	// copies is how often the bytes of an answer are in memory at most: a buffer that grows holds them up to twice, and
	// then they are copied out of it and once more into the envelope.
	copies = 4
)

// Memory is what all budgets of a process may take together. It is safe for concurrent use.
type Memory struct {
	most  int64
	taken atomic.Int64
}

// NewMemory returns a memory of so many bytes.
func NewMemory(bytes int64) *Memory { return &Memory{most: bytes} }

// Take reports whether there were n bytes left; then they are taken until Give returns them.
func (m *Memory) Take(n int) bool {
	for {
		taken := m.taken.Load()
		if taken+int64(n) > m.most {
			return false
		}
		if m.taken.CompareAndSwap(taken, taken+int64(n)) {
			return true
		}
	}
}

// Give returns n bytes.
func (m *Memory) Give(n int) { m.taken.Add(-int64(n)) }

// Taken returns how many bytes are taken.
func (m *Memory) Taken() int64 { return m.taken.Load() }

// Budget is what one operation may take, or one event of a subscription. It is safe for concurrent use.
type Budget struct {
	memory *Memory
	most   int
	read   atomic.Int64 // bytes of texts that the answer is made of
	held   atomic.Int64 // bytes of all else that was read for it

	mu      sync.Mutex // guards what follows
	written int        // bytes of the answer
	drawn   int        // bytes of memory
	err     error
}

// Budget returns a budget for an answer of at most so many bytes. Close gives back what it takes.
func (m *Memory) Budget(most int) *Budget { return &Budget{memory: m, most: most} }

// Read counts n bytes of text that the operation holds. All texts together may have as many bytes as the answer.
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

// Hold counts n bytes that the operation takes beside the answer, such as rows of which little is shown. They are
// bounded by the memory alone: how many rows there may be is a matter of the cost.
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

// Write says that the answer has n bytes by now. It returns how many it may have before it must be told again.
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

// check draws the memory that is missing. It needs mu.
func (b *Budget) check() error {
	if b.err != nil {
		return b.err
	}
	read := b.read.Load()
	if read > int64(b.most) || b.written > b.most {
		b.err = ErrAnswer
		return b.err
	}
	if missing := int(read+b.held.Load()) + copies*b.written - free - b.drawn; missing > 0 {
		n := (missing + step - 1) / step * step
		if !b.memory.Take(n) {
			b.err = ErrMemory
			return b.err
		}
		b.drawn += n
	}
	return nil
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

// Close gives back all memory that was drawn. What was counted must no longer be in use, or belong to somebody else by now.
func (b *Budget) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.memory.Give(b.drawn)
	b.drawn = 0
}

type key struct{}

// With returns a context that carries a budget.
func With(ctx context.Context, b *Budget) context.Context { return context.WithValue(ctx, key{}, b) }

// From returns the budget of an operation; nil, which has no bounds, where there is none.
func From(ctx context.Context) *Budget {
	b, _ := ctx.Value(key{}).(*Budget)
	return b
}
