package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"petitiond/server/database/pgserver"
)

// What the tests of this process share is created when it is first needed.
var (
	built  = sync.OnceValues(build)
	shared = sync.OnceValues(newPostgres)
)

// made contains the functions that remove what was created.
var made struct {
	sync.Mutex
	undo []func() error
}

func undo(f func() error) {
	made.Lock()
	defer made.Unlock()
	made.undo = append(made.undo, f)
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, f := range made.undo {
			if err := f(); err != nil {
				fmt.Fprintln(os.Stderr, "faults:", err)
				code = max(code, 1)
			}
		}
		os.Exit(code)
	}))
}

// of returns how often to do something: the long number if a long run was asked for.
func of(short, long int) int {
	if os.Getenv("PETITION_TEST_FAULTS") == "long" {
		return long
	}
	return short
}

// build builds the program and returns its path.
func build() (string, error) {
	if err := touch(filepath.Join("..", "..", "..")); err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "petitiond-faults-")
	if err != nil {
		return "", err
	}
	undo(func() error { return os.RemoveAll(folder) })
	path := filepath.Join(folder, "petitiond")
	out, err := exec.Command("go", "build", "-o", path, "petitiond/server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the server: %w: %s", err, out)
	}
	return path, nil
}

// touch opens every folder of the module. Otherwise go test would not know that the results depend on them, and would
// reuse results of an older program.
func touch(root string) error {
	return filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); name == ".git" || name == "node_modules" {
			return fs.SkipDir
		}
		return nil
	})
}

// newPostgres starts a server that writes to disk like one in production.
func newPostgres() (*pgserver.Server, error) {
	server, err := pgserver.New(context.Background(), pgserver.Options{Durable: true})
	if errors.Is(err, pgserver.ErrNone) {
		err = fmt.Errorf("%w, or PETITION_TEST_POSTGRES=off to test only on SQLite", err)
	}
	if err != nil {
		return nil, err
	}
	undo(server.Stop)
	return server, nil
}
