//go:build !unix || aix || solaris

package database

import (
	"errors"
	"io/fs"
	"os"
)

// names returns how many names a file has, as far as can be known here.
func names(fs.FileInfo) uint64 { return 1 }

// lockFile makes the file at path, or says errLocked where it is in use. Windows refuses to remove a file
// that a process holds open, so one that a dead process left is no hindrance.
func lockFile(path string) (release func() error, err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errLocked
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(file.Close(), os.Remove(path)) }, nil
}
