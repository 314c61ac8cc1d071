//go:build unix && !aix && !solaris

package database

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// names returns how many names a file has.
func names(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink) // narrower on some systems
	}
	return 1
}

// lockFile takes the lock of the file at path, or says errLocked. The file stays when the lock is
// released: removing it would let two others lock two files of one name.
func lockFile(path string) (release func() error, err error) {
	// an os.File would give the lock back when it is collected, if nobody keeps release
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
