// Package recurring keeps what happens again and again from flooding the log: it decides when a line is due, and says
// when it is over. It must not know what happens.
package recurring

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// every is how often the log is told of the same thing.
const every = time.Minute

// Lines remembers what the log was told. It is safe for concurrent use; the zero value is ready. What happens is told
// apart by fixed texts, so that it takes no more memory than the program has of these.
type Lines struct {
	Now func() time.Time // default time.Now

	mu    sync.Mutex // guards known
	known map[string]*line
}

// line is what the log was told of one thing.
type line struct {
	at    time.Time // of the last line
	times int       // how often it has happened since
	total int       // and at all
	open  bool      // the last line said that it happens, and none that it is over
}

// Due notes that something has happened, and reports whether the log has to be told now: the first time, and then once
// a minute at most. Times is how often it has happened since the line before, this time included.
func (l *Lines) Due(what string) (times int, due bool) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]*line{}
	}
	known := l.known[what]
	if known == nil {
		known = &line{at: now.Add(-every)}
		l.known[what] = known
	}
	known.times++
	known.total++
	if now.Sub(known.at) < every {
		return 0, false
	}
	times, known.at, known.times, known.open = known.times, now, 0, true
	return times, true
}

// Total returns how often something has happened.
func (l *Lines) Total(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.known[what]; known != nil {
		return known.total
	}
	return 0
}

// Over reports whether the log, which was told that something happens, has to be told that it is over.
func (l *Lines) Over(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.known[what]
	if known == nil || !known.open {
		return false
	}
	known.open = false
	return true
}

// Task logs how a task has fared that is repeated: that it fails, as often as it is due, and that it works again.
func (l *Lines) Task(ctx context.Context, log *slog.Logger, task string, err error) {
	if err == nil {
		if l.Over(task) {
			log.InfoContext(ctx, "upkeep works again", "task", task)
		}
		return
	}
	if times, due := l.Due(task); due {
		log.ErrorContext(ctx, "upkeep failed, and is tried again in its turn", "task", task, "times", times, "error", err)
	}
}

// Do carries out a task that is repeated, for the longest time that it may take (0: for as long as ctx lasts), and logs
// how it has fared. A task that ends because ctx does has not failed; one whose own time is over has, and would
// otherwise fail for ever without a word.
func (l *Lines) Do(
	ctx context.Context, log *slog.Logger, task string, longest time.Duration, do func(context.Context) error,
) {
	limited := ctx
	if longest > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, longest)
		defer cancel()
	}
	if err := do(limited); err == nil || ctx.Err() == nil {
		l.Task(ctx, log, task, err)
	}
}

func (l *Lines) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now() //nolint:forbidigo // only how much time has passed counts
}
