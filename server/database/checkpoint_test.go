package database_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"petitiond/server/database"
)

// TestLogIsMoved writes some 190 MiB, four times as much as the log may have before it is moved into the file.
func TestLogIsMoved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := opened(t, database.Options{}, "sqlite:"+path)
	exec(t, db.Write, `CREATE TABLE t (n integer PRIMARY KEY, filler blob)`)
	const size = 64 << 10
	filler := make([]byte, size) // not randomblob, which the race detector makes slow
	for n := range 3000 {
		exec(t, db.Write, `INSERT INTO t VALUES ($1, $2)`, n, filler)
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(130 << 20); log.Size() > most {
		t.Errorf("the log grew to %d MiB, want at most %d", log.Size()>>20, most>>20)
	}
	// What may be left in the log is less than what is worth moving.
	least := int64(3000*size - 9<<20)
	for ended := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // the log is moved in the background
		file, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if file.Size() >= least {
			break
		}
		if time.Now().After(ended) {
			t.Fatalf("%d MiB are in the file, want %d", file.Size()>>20, least>>20)
		}
	}
	if n := scan[int](t, db.Read, `SELECT COUNT(*) FROM t`); n != 3000 {
		t.Errorf("got %d rows, want 3000", n)
	}
}
