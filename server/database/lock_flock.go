//go:build unix && !aix && !solaris

package database

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the lock of the file at path, or says errLocked. The file stays when the lock is
// released: removing it would let two others lock two files of one name.
func lockFile(path string) (release func() error, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}
