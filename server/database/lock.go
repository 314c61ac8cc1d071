package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// ErrInUse means that another server is using the same SQLite file.
var ErrInUse = errors.New("another server already serves this SQLite file; stop it first, or use PostgreSQL to run several")

// errLocked means that another process holds a lock file.
var errLocked = errors.New("the file is locked")

// LockServing keeps other servers away from the same SQLite file until release is called, since each would keep counts
// in memory that the other changes. It fails with ErrInUse if another server holds the lock, which is released when its
// process ends at the latest. PostgreSQL needs no lock. Commands that may run beside a server do not call this.
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

// Beside returns the path of a file beside the SQLite file. It is the same by whatever link the database was opened.
func (db *DB) Beside(ending string) string { return db.path + ending }

// ErrTwoNames means that an SQLite file has hard links. SQLite names its locks and its write-ahead log after the file:
// two programs that opened it by different names would not see each other's, and overwrite each other's changes.
var ErrTwoNames = errors.New("the SQLite file has a second name (a hard link), which would corrupt it; " +
	"remove one of the names, or replace it by a symbolic link")

// onlyName refuses an SQLite file that has hard links.
func onlyName(info fs.FileInfo) error {
	if linkCount(info) > 1 {
		return ErrTwoNames
	}
	return nil
}

// waitLock waits until the lock file at path is free, and takes it.
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
