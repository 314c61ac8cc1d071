package dbtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"petitiond/server/database"
)

// sqliteFile returns the content of a migrated file, which is created only once.
var sqliteFile = sync.OnceValues(func() (content []byte, err error) {
	folder, err := os.MkdirTemp("", "petitiond-dbtest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "template.db")
	if err := migrated(context.Background(), "sqlite:"+path); err != nil {
		return nil, err
	}
	// After Close, which has moved the log into the file: one file is the whole database.
	return os.ReadFile(path)
})

// sqliteURL writes a copy of the migrated file into the test's temporary folder.
func sqliteURL(t testing.TB) string {
	t.Helper()
	content, err := sqliteFile()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// migrated migrates the database at url.
func migrated(ctx context.Context, url string) error {
	db, err := database.Open(ctx, url)
	if err != nil {
		return err
	}
	_, err = db.Migrate(ctx)
	return errors.Join(err, db.Close())
}
