package database

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrInUse says that another server works with the same SQLite file.
var ErrInUse = errors.New("another server already serves this SQLite file; stop it first, or use PostgreSQL to run several")

// ErrTwoNames says that an SQLite file has hard links. Nobody who opens it by one name sees the locks and the write-ahead
// log of who opened it by another, and both write over each other.
var ErrTwoNames = errors.New("the SQLite file has a second name (a hard link), which would break it; " +
	"remove one of them, or make a symbolic link of it")

// errLocked says that a lock file is held by somebody else.
var errLocked = errors.New("the file is locked")

// LockServing keeps other servers away from the same SQLite file until release is called: each would keep
// counts in its memory that the other changes. It fails with ErrInUse while another holds the lock, which
// ends with its process at the latest. PostgreSQL needs no lock and gets none. Commands that work beside a
// server do not call this.
func (db *DB) LockServing() (release func() error, err error) {
	if db.Dialect != SQLite {
		return func() error { return nil }, nil
	}
	release, err = lockFile(db.Beside(".lock"))
	if errors.Is(err, errLocked) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("lock the SQLite file: %w", err)
	}
	return release, nil
}

// Beside returns the path of a file beside the SQLite file, the same by whatever link the database was opened.
func (db *DB) Beside(ending string) string { return db.path + ending }

// waitLock takes the lock file at path as soon as it is free.
func waitLock(ctx context.Context, path string) (release func() error, err error) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if release, err = lockFile(path); !errors.Is(err, errLocked) {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-again.C:
		}
	}
}
