//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// serverUser returns the user that the server runs as: nil for the current user, or "nobody" if that is root, as which
// PostgreSQL refuses to run.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err1 := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(nobody.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// makeBase creates the folder of a server, to which only its user has access.
func makeBase(user *syscall.Credential) (string, error) {
	base, err := os.MkdirTemp("", "petitiond-postgres-")
	if err != nil || user == nil {
		return base, err
	}
	return base, os.Chown(base, int(user.Uid), int(user.Gid))
}
