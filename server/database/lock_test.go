package database_test

import (
	"context"
	"errors"
	"os"
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

// ends calls what has to succeed at the end of a test.
func ends(t *testing.T, giveBack func() error) {
	t.Helper()
	if err := giveBack(); err != nil {
		t.Error(err)
	}
}

// TestLockHoldsByEveryName opens a file that is being served by other names.
func TestLockHoldsByEveryName(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	folder := filepath.Join(root, "data")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "a.db")
	one := opened(t, database.Options{}, "sqlite:"+path)
	release, err := one.LockServing()
	if err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) string {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(root, name)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, path)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"Link": link(path, "b.db"), "LinkOfLink": link(link("data/a.db", "c.db"), "d.db"),
		"Folder":   filepath.Join(link(folder, "other"), "a.db"),
		"Relative": relative, "Dots": folder + "/../data/./a.db",
	}
	others := map[string]*database.DB{}
	for name, other := range names {
		db := opened(t, database.Options{}, "sqlite:"+other)
		others[name] = db
		if _, err := db.LockServing(); !errors.Is(err, database.ErrInUse) {
			t.Errorf("%s: a second server: got %v, want ErrInUse", name, err)
		}
		if got, want := db.Beside(".news"), one.Beside(".news"); got != want {
			t.Errorf("%s: news lie at %s, want %s", name, got, want)
		}
		if _, err := db.Migrate(soon(t)); err != nil { // as commands do while a server is running
			t.Errorf("%s: a command: %v", name, err)
		}
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	again, err := others["Link"].LockServing()
	if err != nil {
		t.Fatalf("after the first server ended: %v", err)
	}
	defer ends(t, again)
	if _, err := one.LockServing(); !errors.Is(err, database.ErrInUse) {
		t.Errorf("a server by the file's own name beside one by a link: got %v, want ErrInUse", err)
	}
}

// TestLinkToNothing creates the file to which a link points, and only that one.
func TestLinkToNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, link := filepath.Join(folder, "a.db"), filepath.Join(folder, "b.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	one, other := opened(t, database.Options{}, "sqlite:"+link), opened(t, database.Options{}, "sqlite:"+path)
	release, err := one.LockServing()
	if err != nil {
		t.Fatal(err)
	}
	defer ends(t, release)
	if _, err := other.LockServing(); !errors.Is(err, database.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
}

// TestHardLinksAreRefused: opened by its second name, the file would have another write-ahead log.
func TestHardLinksAreRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, link := filepath.Join(folder, "a.db"), filepath.Join(folder, "b.db")
	opened(t, database.Options{}, "sqlite:"+path)
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, path} {
		if db, err := database.Open(soon(t), "sqlite:"+name); !errors.Is(err, database.ErrTwoNames) {
			t.Errorf("%s: got %v, want ErrTwoNames", filepath.Base(name), err)
			if err == nil {
				ends(t, db.Close)
			}
		}
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	opened(t, database.Options{}, "sqlite:"+path)
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
	runtime.GC() // a release function that was dropped must not release the lock
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
