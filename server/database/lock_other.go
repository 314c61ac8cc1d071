//go:build !unix || aix || solaris

package database

import (
	"errors"
	"io/fs"
	"os"
)

// linkCount returns 1: on this system, the number of a file's names is not known.
func linkCount(fs.FileInfo) uint64 { return 1 }

// lockFile creates the file at path, or returns errLocked if it is in use. Windows refuses to remove a file that a
// process has open, so only the file of a dead process can be removed and created again.
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
