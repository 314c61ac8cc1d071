package nodetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// supported is a program that exits with 0 under the versions that testdata/node/package.json names.
const supported = `const [major, minor] = process.versions.node.split('.').map(Number);
process.exit(major >= 24 || (major === 22 && minor >= 13) || (major === 20 && minor >= 19) ? 0 : 1)`

// Dir returns the folder of the programs, with their modules installed. Without Node the test is skipped with a
// message; in CI, where the variable CI is true, it fails.
func Dir(t testing.TB) string {
	t.Helper()
	if err := available(t.Context()); err != nil {
		lacking(t, err, "install Node 20.19, 22.13 or 24 with npm")
	}
	dir, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Browser returns the path of Chromium or Chrome. The variable CHROME_BIN names one that is not on the PATH. Without
// one, the test is treated as it is without Node.
func Browser(t testing.TB) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROME_BIN"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	lacking(t, errors.New("no Chromium is on the PATH"), "install one, or name one by CHROME_BIN,")
	return ""
}

// lacking skips or fails a test that lacks what it needs.
func lacking(t testing.TB, err error, remedy string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%v: %s to have it checked", err, remedy)
	}
	t.Skipf("NOT CHECKED: %s, since %v: %s to have it checked", t.Name(), err, remedy)
}

func available(ctx context.Context) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return errors.New(program + " is not on the PATH")
		}
	}
	if exec.CommandContext(ctx, "node", "--eval", supported).Run() != nil {
		return errors.New("this version of Node is not supported")
	}
	return nil
}

var installed = sync.OnceValues(func() (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "server", "transport", "testdata", "node")
	if fresh(dir) {
		return dir, nil
	}
	return dir, install(dir)
})

// root finds the folder of go.mod: tests run in the folder of their package.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}
