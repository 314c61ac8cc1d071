//go:build unix && !aix && !solaris

package database

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// linkCount returns how many names a file has.
func linkCount(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink) // a smaller type on some systems
	}
	return 1
}

// lockFile takes the lock of the file at path, or returns errLocked. The file stays when the lock is released: if it
// were removed, a process that still has it open and one that creates it again could both believe they hold the lock.
func lockFile(path string) (release func() error, err error) {
	// not an os.File, which would release the lock when it is garbage-collected, in case nobody keeps release
	file, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	release = func() error { return syscall.Close(file) }
	if err := syscall.Flock(file, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, errors.Join(err, release())
	}
	return release, nil
}
