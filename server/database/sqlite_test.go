package database_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// conns takes every connection of a pool at once.
func conns(t *testing.T, pool *sql.DB) []*sql.Conn {
	t.Helper()
	var all []*sql.Conn
	for range pool.Stats().MaxOpenConnections {
		conn, err := pool.Conn(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		all = append(all, conn)
	}
	return all
}

func TestPragmasHoldOnEveryConnection(t *testing.T) {
	t.Parallel()
	db := empty(t, database.SQLite)
	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "0",
		"temp_store": "1", "cache_size": "-65536",
	}
	check := func(pool string, conn *sql.Conn) {
		t.Helper()
		for pragma, want := range want {
			var got string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %q (error %v), want %q", pool, pragma, got, err, want)
			}
		}
	}
	for _, conn := range conns(t, db.Write) {
		check("Write", conn)
	}
	want["query_only"], want["cache_size"] = "1", "-2000"
	for name, pool := range map[string]*sql.DB{"Read": db.Read, "LookUp": db.LookUp} {
		for _, conn := range conns(t, pool) {
			check(name, conn)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	db := empty(t, database.SQLite)
	for name, pool := range map[string]*sql.DB{"Read": db.Read, "LookUp": db.LookUp} {
		if _, err := pool.ExecContext(t.Context(), "CREATE TABLE t (n int)"); err == nil {
			t.Errorf("%s made a table", name)
		}
	}
}

func TestWritersBeginImmediate(t *testing.T) {
	t.Parallel()
	path := "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	one, two := opened(t, database.Options{}, path), opened(t, database.Options{}, path)
	begun, done := make(chan struct{}), make(chan error)
	go func() {
		<-begun
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		done <- database.InTx(ctx, two.Write, func(*sql.Tx) error { return nil })
	}()
	err := database.InTx(t.Context(), one.Write, func(*sql.Tx) error {
		close(begun)
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second writer began beside the first (error %v)", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadersDoNotWaitForWriters(t *testing.T) {
	t.Parallel()
	db := empty(t, database.SQLite)
	exec(t, db.Write, "CREATE TABLE t (n int)")
	err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
		exec(t, tx, "INSERT INTO t VALUES (1)")
		if got := scan[int](t, db.Read, "SELECT count(*) FROM t"); got != 0 {
			t.Errorf("a reader sees %d rows that are not committed", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := scan[int](t, db.Read, "SELECT count(*) FROM t"); got != 1 {
		t.Errorf("a reader sees %d rows after the commit, want 1", got)
	}
}

func TestForeignKeysHold(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.SQLite)
	_, err := db.Write.ExecContext(t.Context(), "INSERT INTO slugs (slug, created_at, petition_id) VALUES ('a', 'b', 'c')")
	if err == nil {
		t.Error("a slug of no petition was taken")
	}
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	folder := filepath.Join(t.TempDir(), "new", "data")
	path := filepath.Join(folder, "petitions.db")
	db := opened(t, database.Options{}, "sqlite:"+path)
	exec(t, db.Write, "CREATE TABLE t (n int)")
	for name, want := range map[string]fs.FileMode{folder: 0o700, path: 0o600, path + "-wal": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(name), got, want)
		}
	}
}

func TestOddPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a?b.db", "50%.db", "%3F.db", "a#b.db", "a b+c&d.db", "žluťoučký 署名.db", "-.db"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			db := opened(t, database.Options{}, "sqlite:"+filepath.Join(folder, name))
			exec(t, db.Write, "CREATE TABLE t (n int)")
			if got := scan[int](t, db.Read, "SELECT count(*) FROM t"); got != 0 {
				t.Errorf("got %d rows, want 0", got)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			left, err := os.ReadDir(folder)
			if err != nil || len(left) != 1 || left[0].Name() != name {
				t.Errorf("the folder holds %v (error %v), want the file alone", left, err)
			}
		})
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	db := opened(t, database.Options{}, "sqlite:data/petitions.db")
	t.Chdir(t.TempDir()) // a reader that opens later must find the same file
	exec(t, db.Write, "CREATE TABLE t (n int)")
	for _, conn := range conns(t, db.Read) {
		if _, err := conn.ExecContext(t.Context(), "SELECT n FROM t"); err != nil {
			t.Error(err)
		}
	}
}

func TestNoDatabaseFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(path, []byte("this is a letter, and no database at all, but long enough for a header"), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, path := range map[string]string{"letter": path, "folder": t.TempDir()} {
		if db, err := database.Open(t.Context(), "sqlite:"+path); err == nil {
			t.Errorf("a %s was opened as a database; closing it: %v", kind, db.Close())
		}
	}
}
