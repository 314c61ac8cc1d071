//go:build unix

package machine

import (
	"math"
	"syscall"
)

// Descriptors is how many files and sockets the system lets us open. The runtime has raised it as far as it may.
func Descriptors() int {
	var limit syscall.Rlimit
	// What is unknown or unlimited bounds nothing.
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}
