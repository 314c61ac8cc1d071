package nodetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	modules = "node_modules"
	lock    = "package-lock.json"
)

// fresh reports whether the modules were installed after the lock file last changed.
func fresh(dir string) bool {
	want, err := os.Stat(filepath.Join(dir, lock))
	if err != nil {
		return false
	}
	// npm writes this marker last.
	got, err := os.Stat(filepath.Join(dir, modules, "."+lock))
	return err == nil && !got.ModTime().Before(want.ModTime())
}

// install puts the modules into dir. The tests of several packages may do so at the same time: each installs into a
// temporary folder and moves the result into place atomically.
func install(dir string) error {
	beside, err := os.MkdirTemp(dir, ".install-")
	if err != nil {
		return fmt.Errorf("make a folder to install Node modules in: %w", err)
	}
	defer func() { _ = os.RemoveAll(beside) }()

	if err := prepare(dir, filepath.Base(beside)); err != nil {
		return err
	}
	// This is not the context of the test that asked first: other tests wait for the same modules.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--loglevel=error")
	cmd.Dir = beside
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install Node modules with npm: %w\n%s", err, out)
	}
	return replace(dir, beside)
}

// prepare copies the files that npm needs into a folder within dir.
func prepare(dir, beside string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the folder of the Node programs: %w", err)
	}
	defer func() { _ = root.Close() }()

	for _, name := range []string{"package.json", lock, ".npmrc"} {
		content, err := root.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read what to install: %w", err)
		}
		if err := root.WriteFile(filepath.Join(beside, name), content, 0o600); err != nil {
			return fmt.Errorf("write what to install: %w", err)
		}
	}
	return nil
}

// replace moves new modules into place, unless those of another process came first.
func replace(dir, beside string) error {
	if fresh(dir) {
		return nil
	}
	target := filepath.Join(dir, modules)
	if err := os.Rename(target, filepath.Join(beside, "old")); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("move old Node modules away: %w", err)
	}
	if err := os.Rename(filepath.Join(beside, modules), target); err != nil && !fresh(dir) {
		return fmt.Errorf("move Node modules into place: %w", err)
	}
	return nil
}
