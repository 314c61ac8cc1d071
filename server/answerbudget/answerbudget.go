// Package answerbudget bounds the memory that answers take. Each operation has its own Budget, and all operations of a
// process share one Memory.
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
	"sync"
	"sync/atomic"
)

var (
	// ErrAnswer means that the answer of an operation would be larger than allowed.
	ErrAnswer = errors.New("answerbudget: the answer is too large")
	// ErrMemory means that all operations together already take as much memory as allowed.
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

// Memory is the memory that all budgets of a process share. It is safe for concurrent use.
type Memory struct {
	most  int64
	taken atomic.Int64
}

// NewMemory returns a Memory of the given size.
func NewMemory(bytes int64) *Memory { return &Memory{most: bytes} }

// Take takes n bytes, until Give returns them, and reports whether there were that many left.
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

// Budget bounds and counts the bytes of one operation, or of one event of a subscription. A nil Budget has no bounds.
// It is safe for concurrent use.
type Budget struct {
	memory *Memory
	most   int
	read   atomic.Int64 // bytes of the texts that go into the answer
	held   atomic.Int64 // bytes of everything else that was read for it

	mu      sync.Mutex // guards what follows
	written int        // bytes of the answer
	drawn   int        // bytes taken from memory
	err     error      // the first one, which stays
}

// Budget returns a budget for an answer of at most the given size. Close gives back the memory that it draws.
func (m *Memory) Budget(most int) *Budget { return &Budget{memory: m, most: most} }

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

// Close gives back all memory that was drawn. What was counted must no longer be in use, or belong to somebody else by
// now.
func (b *Budget) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.memory.Give(b.drawn)
	b.drawn = 0
}

type key struct{}

// With returns a context that carries a budget.
func With(ctx context.Context, b *Budget) context.Context { return context.WithValue(ctx, key{}, b) }

// From returns the budget of an operation, or nil, which has no bounds, if there is none.
func From(ctx context.Context) *Budget {
	b, _ := ctx.Value(key{}).(*Budget)
	return b
}
