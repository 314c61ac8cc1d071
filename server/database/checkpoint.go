package database

import (
	"context"
	"database/sql"
	"time"
)

const (
	// pagesToFold in the write-ahead log are worth moving: 8 MiB. What several commits wrote to one page is
	// moved once.
	pagesToFold = 2000
	// pagesToRestart are as long as the log should grow, 48 MiB: then it begins anew.
	pagesToRestart = 12000
	// foldEvery is how often the log is looked at. That costs no reading of a file.
	foldEvery = 100 * time.Millisecond
)

// checkpoints folds SQLite's write-ahead log into the file beside the writer. SQLite itself lets the commit
// that fills the log move all of it, and whoever signs waits for the disk; on a large table, where each
// signature writes to two pages of its own, that takes a third of all time. Here most is moved over another
// connection while the writer goes on, and from time to time the writer moves the little that is left, so
// that its next commit begins the log anew.
type checkpoints struct {
	beside, writer *sql.DB
	stop           context.CancelFunc
	done           chan struct{}
}

func startCheckpoints(beside, writer *sql.DB) *checkpoints {
	ctx, stop := context.WithCancel(context.Background())
	c := &checkpoints{beside: beside, writer: writer, stop: stop, done: make(chan struct{})}
	go c.run(ctx)
	return c
}

func (c *checkpoints) close() error {
	c.stop()
	<-c.done
	return c.beside.Close()
}

func (c *checkpoints) run(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(foldEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// What fails is tried again, and if it fails for long the writer folds a log of 128 MiB by itself.
			_ = c.fold(ctx)
		}
	}
}

// fold moves the log into the file once it is long enough.
func (c *checkpoints) fold(ctx context.Context) error {
	logged, moved, err := checkpoint(ctx, c.beside, "NOOP")
	if err != nil || logged-moved < pagesToFold {
		return err
	}
	if logged, _, err = checkpoint(ctx, c.beside, "PASSIVE"); err != nil || logged < pagesToRestart {
		return err
	}
	// A second pass is shorter, since it only moves what was written during the first.
	if _, _, err = checkpoint(ctx, c.beside, "PASSIVE"); err != nil {
		return err
	}
	_, _, err = checkpoint(ctx, c.writer, "PASSIVE")
	return err
}

// checkpoint gives how many pages the log has and how many of them are in the file too.
func checkpoint(ctx context.Context, pool *sql.DB, mode string) (logged, moved int, err error) {
	var busy int
	err = pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &logged, &moved)
	return logged, moved, err
}
