package fanout

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Glance is how often a Bell looks whether it was rung.
const Glance = 50 * time.Millisecond

// Bell is a file by which a command tells the server on the same SQLite file that something has changed. It does not
// say what: commands are rare.
type Bell struct {
	Path  string
	Heard func() // called when it was rung; must not block
}

// Run listens until ctx ends.
func (b Bell) Run(ctx context.Context) error {
	tick := time.NewTicker(Glance)
	defer tick.Stop()
	// What was rung before belongs to what this server reads as it starts.
	last := b.rung()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// Another time and not a later one: the clock may have been set back.
		if at := b.rung(); !at.Equal(last) {
			last = at
			b.Heard()
		}
	}
}

// rung is when it was rung last.
func (b Bell) rung() time.Time {
	info, err := os.Stat(b.Path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Ring rings. Nobody needs to be there.
func (b Bell) Ring() error {
	now := time.Now() //nolint:forbidigo // it is the clock of files
	err := os.Chtimes(b.Path, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.WriteFile(b.Path, nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("telling the server: %w", err)
	}
	return nil
}

// Ring tells every replica on the PostgreSQL of the pool that something has changed, without saying what: they take it
// for news that were lost.
func Ring(ctx context.Context, pool *sql.DB) error {
	_, err := pool.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, noName+`[]`)
	if err != nil {
		return fmt.Errorf("telling the servers: %w", err)
	}
	return nil
}

// noName is of the length of a carrier's name, and nobody's.
const noName = "----------------"
