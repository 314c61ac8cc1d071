package database

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	sqlite3 "modernc.org/sqlite/lib"

	"petitiond/server/recurring"
)

// Trouble is why a write failed, as far as an operator has to tell them apart.
type Trouble string

// The kinds of trouble.
const (
	TroubleClock   Trouble = "clock"   // the right time is not known
	TroubleFull    Trouble = "full"    // the database's disk has no room
	TroubleRefused Trouble = "refused" // the database answers but cannot write: read-only, a broken disk, no memory
	TroubleAway    Trouble = "away"    // a connection broke or could not be opened
	TroubleSlow    Trouble = "slow"    // a lock or an answer took too long
	TroubleOther   Trouble = "other"
)

// Troubles returns all kinds.
func Troubles() []Trouble {
	return []Trouble{TroubleClock, TroubleFull, TroubleRefused, TroubleAway, TroubleSlow, TroubleOther}
}

// TroubleOf returns the kind of trouble that an error is due to. What the database said counts before how long it took:
// a write that is refused is tried until its time is over.
func TroubleOf(err error) Trouble {
	switch {
	case errors.Is(err, ErrClock):
		return TroubleClock
	case isFull(err):
		return TroubleFull
	case IsRefused(err):
		return TroubleRefused
	case IsConnectionLost(err):
		return TroubleAway
	case IsTimeout(err):
		return TroubleSlow
	}
	return TroubleOther
}

// isFull reports whether there was no room on the disk. SQLite has further bits for the place at which it lacked.
func isFull(err error) bool {
	code, ok := sqliteCode(err)
	return pq.As(err, pqerror.DiskFull) != nil || ok && code&0xff == sqlite3.SQLITE_FULL
}

// FailedWrites counts the writes that were asked for and failed through no fault of those who asked, and logs why. It
// is safe for concurrent use; the zero value is ready.
type FailedWrites struct {
	mu     sync.Mutex // guards what follows
	counts map[Trouble]int
	told   map[Trouble]int // how many of these the log was told of
	lines  recurring.Lines
	open   atomic.Bool // the log has a line that writes fail, and none yet that they work
}

// Add counts a write that failed, and logs why.
func (f *FailedWrites) Add(ctx context.Context, log *slog.Logger, err error) {
	kind := TroubleOf(err)
	f.mu.Lock()
	if f.counts == nil {
		f.counts = map[Trouble]int{}
	}
	f.counts[kind]++
	f.mu.Unlock()
	f.Log(ctx, log, err)
}

// Log logs why writes fail that others count. The log is told of a kind of trouble at once, and then once a minute
// at most, each time with how many have failed since the line before. It may be told before they are counted, and of
// some whom nobody counts since they have gone: a line is about one write at least.
func (f *FailedWrites) Log(ctx context.Context, log *slog.Logger, err error) {
	kind := TroubleOf(err)
	if _, due := f.lines.Due(string(kind)); due {
		log.ErrorContext(ctx, "writes fail", "trouble", string(kind), "times", f.since(kind), "error", err)
		f.open.Store(true)
	}
}

// Worked notes that a write has worked, and logs so if the log was told that they fail.
func (f *FailedWrites) Worked(ctx context.Context, log *slog.Logger) {
	if !f.open.Load() || !f.open.Swap(false) { // every write comes here
		return
	}
	for _, kind := range Troubles() {
		if f.lines.Over(string(kind)) {
			log.InfoContext(ctx, "writes work again", "trouble", string(kind))
		}
	}
}

// since returns how many writes have failed since the log was last told.
func (f *FailedWrites) since(kind Trouble) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told == nil {
		f.told = map[Trouble]int{}
	}
	times := max(1, f.counts[kind]-f.told[kind])
	f.told[kind] = max(f.counts[kind], min(f.told[kind]+times, f.counts[kind]+1))
	return times
}

// Count returns how many writes have failed so far because of one kind of trouble.
func (f *FailedWrites) Count(kind Trouble) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[kind]
}
