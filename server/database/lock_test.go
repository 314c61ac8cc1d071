package database_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

func TestLockServing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	one := opened(t, database.Options{}, "sqlite:"+filepath.Join(folder, "a.db"))
	same := opened(t, database.Options{}, "sqlite:"+filepath.Join(folder, ".", "a.db"))
	other := opened(t, database.Options{}, "sqlite:"+filepath.Join(folder, "b.db"))
	release, err := one.LockServing()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := same.LockServing(); !errors.Is(err, database.ErrInUse) {
		t.Errorf("a second server on one file: got %v, want ErrInUse", err)
	}
	free, err := other.LockServing()
	if err != nil {
		t.Fatalf("a server on another file: %v", err)
	}
	if err := errors.Join(release(), free()); err != nil {
		t.Fatal(err)
	}
	again, err := same.LockServing()
	if err != nil {
		t.Fatalf("after the first server ended: %v", err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresServesMany(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.Postgres)
	for range 2 {
		release, err := db.LockServing()
		if err != nil {
			t.Fatal(err)
		}
		if err := release(); err != nil {
			t.Error(err)
		}
	}
}

// TestCommandsRunBesideAServer migrates and writes while a server holds its lock.
func TestCommandsRunBesideAServer(t *testing.T) {
	t.Parallel()
	url := dbtest.URL(t, database.SQLite)
	server, command := opened(t, database.Options{}, url), opened(t, database.Options{}, url)
	if _, err := server.LockServing(); err != nil {
		t.Fatal(err)
	}
	runtime.GC() // what a caller forgets must not open the lock
	if _, err := command.LockServing(); !errors.Is(err, database.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := command.Migrate(ctx); err != nil {
		t.Errorf("migrate: %v", err)
	}
	exec(t, command.Write, "INSERT INTO tags (id, key, label) VALUES ('1', 'k', 'l')")
	if got := scan[int](t, server.Read, "SELECT count(*) FROM tags"); got != 1 {
		t.Errorf("the server sees %d rows, want the command's", got)
	}
}
