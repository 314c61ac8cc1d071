package diskfault_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"petitiond/server/database"
	"petitiond/server/database/diskfault"
)

// use does with a file what SQLite can do with one.
func use(ctx context.Context, path string) error {
	db, err := database.Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	for _, text := range []string{
		"CREATE TABLE IF NOT EXISTS t (n int)", "INSERT INTO t VALUES (1)", "PRAGMA wal_checkpoint(TRUNCATE)", "SELECT COUNT(*) FROM t",
	} {
		if _, err := db.Write.ExecContext(ctx, text); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}

// TestEveryKindFails lets the first operation of each kind fail, and looks whether SQLite says so.
func TestEveryKindFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	disk := diskfault.New(t, folder)
	var mu sync.Mutex
	seen := map[diskfault.Kind]string{}
	disk.Judge(func(o diskfault.Operation) diskfault.Fate {
		mu.Lock()
		defer mu.Unlock()
		seen[o.Kind] = o.File
		return diskfault.Pass
	})
	if err := use(t.Context(), filepath.Join(folder, "faultless.db")); err != nil {
		t.Fatal(err)
	}
	want := map[diskfault.Kind]int{
		diskfault.Open: sqlite3.SQLITE_CANTOPEN, diskfault.Read: sqlite3.SQLITE_IOERR_READ, diskfault.Write: sqlite3.SQLITE_IOERR_WRITE,
		diskfault.Truncate: sqlite3.SQLITE_IOERR_TRUNCATE, diskfault.Sync: sqlite3.SQLITE_IOERR_FSYNC, diskfault.Size: sqlite3.SQLITE_IOERR_FSTAT,
		diskfault.Lock: sqlite3.SQLITE_IOERR_LOCK, diskfault.ShmMap: sqlite3.SQLITE_IOERR_SHMMAP,
		// What these say is nothing that SQLite passes on, or it is of no use to who asked.
		diskfault.Access: 0, diskfault.Delete: 0, diskfault.Close: 0, diskfault.Unlock: 0, diskfault.ShmLock: 0,
	}
	for kind := range want {
		if seen[kind] == "" {
			t.Errorf("SQLite was never seen to %s", kind)
		}
	}
	for kind, code := range want {
		if code == 0 {
			continue
		}
		struck := false
		disk.Judge(func(o diskfault.Operation) diskfault.Fate {
			mu.Lock()
			defer mu.Unlock()
			if struck || o.Kind != kind {
				return diskfault.Pass
			}
			struck = true
			return diskfault.FailBefore
		})
		err := use(t.Context(), filepath.Join(folder, string(kind)+".db"))
		if e, is := errors.AsType[*sqlite.Error](err); !is || e.Code() != code && e.Code() != code&0xff {
			t.Errorf("to %s failed, and SQLite says %v; want code %d", kind, err, code)
		}
	}
}

// TestDiskIsFull fails writing alone.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	disk := diskfault.New(t, folder)
	path := filepath.Join(folder, "test.db")
	if err := use(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	disk.Judge(func(o diskfault.Operation) diskfault.Fate {
		if o.File == ".db-wal" {
			return diskfault.Full
		}
		return diskfault.Pass
	})
	err := use(t.Context(), path)
	if e, is := errors.AsType[*sqlite.Error](err); !is || e.Code() != sqlite3.SQLITE_FULL {
		t.Errorf("got %v, want that the disk is full", err)
	}
	disk.Judge(nil)
	if err := use(t.Context(), path); err != nil {
		t.Errorf("once there is room again: %v", err)
	}
}

// TestOthersAreLeftAlone opens a file that is on no disk of a test.
func TestOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	diskfault.New(t, t.TempDir()).Judge(func(diskfault.Operation) diskfault.Fate { return diskfault.FailBefore })
	if err := use(t.Context(), filepath.Join(t.TempDir(), "test.db")); err != nil {
		t.Error(err)
	}
}
