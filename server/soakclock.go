package main

import (
	"fmt"
	"os"
	"time"
)

// wall returns the clock of this machine, or nil for the real one. In the binary of server/bench/soak it differs from
// the real one by the duration that a file contains.
func wall() func() time.Time {
	if clockFile == "" {
		return nil
	}
	// One for each process: replicas on one machine have clocks of their own.
	file := fmt.Sprint(clockFile, os.Getpid())
	return func() time.Time {
		text, err := os.ReadFile(file)
		if err != nil { // the clock has not been moved yet
			return time.Now()
		}
		off, _ := time.ParseDuration(string(text)) // an empty file means no difference
		return time.Now().Add(off)
	}
}
