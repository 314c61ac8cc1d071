package database

import (
	"context"
	"database/sql"
	"time"
)

const (
	// pagesToMove is how many pages of the write-ahead log are worth moving, 8 MiB. The more there are, the better: a
	// page that several commits have written is moved only once.
	pagesToMove = 2000
	// pagesToRestart is how long the log should become, 48 MiB, before it is moved completely and starts over.
	pagesToRestart = 12000
	// checkEvery is how often the length of the log is checked, which does not need to read a file.
	checkEvery = 100 * time.Millisecond
)

// checkpoints moves the content of SQLite's write-ahead log into the database file, in the background. SQLite itself
// would have this done by the commit that fills the log, and the signatories in that commit would wait for the disk; on
// a large table, where each signature writes to two pages of its own, this takes a third of all time. Here another
// connection moves most of the log while the writer continues. From time to time the writer itself moves the little
// that is left: only then can its next commit start the log over.
type checkpoints struct {
	helper, writer *sql.DB
	stop           context.CancelFunc
	done           chan struct{}
}

// startCheckpoints starts the goroutine that moves the log, until close is called.
func startCheckpoints(helper, writer *sql.DB) *checkpoints {
	ctx, stop := context.WithCancel(context.Background())
	c := &checkpoints{helper: helper, writer: writer, stop: stop, done: make(chan struct{})}
	go c.run(ctx)
	return c
}

// close waits for a checkpoint that is under way, so that nothing uses the pools when they are closed.
func (c *checkpoints) close() error {
	c.stop()
	<-c.done
	return c.helper.Close()
}

// run looks at the log again and again, until ctx ends.
func (c *checkpoints) run(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// A failure is tried again at the next tick. If it fails for long, SQLite has the writer move the log at
			// 128 MiB.
			_ = c.moveLog(ctx)
		}
	}
}

// moveLog moves the log into the file if it is long enough.
func (c *checkpoints) moveLog(ctx context.Context) error {
	logged, moved, err := checkpoint(ctx, c.helper, "NOOP")
	if err != nil || logged-moved < pagesToMove {
		return err
	}
	if logged, _, err = checkpoint(ctx, c.helper, "PASSIVE"); err != nil || logged < pagesToRestart {
		return err
	}
	// A second pass moves what was written during the first, so that little is left for the writer, and signatures
	// hardly wait.
	if _, _, err = checkpoint(ctx, c.helper, "PASSIVE"); err != nil {
		return err
	}
	_, _, err = checkpoint(ctx, c.writer, "PASSIVE")
	return err
}

// checkpoint runs a checkpoint and returns how many pages the log has, and how many of them have been moved. In the
// mode NOOP it only reports them.
func checkpoint(ctx context.Context, pool *sql.DB, mode string) (logged, moved int, err error) {
	var busy int
	err = pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &logged, &moved)
	return logged, moved, err
}
