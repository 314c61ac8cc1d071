package main

import (
	"fmt"
	"os"
	"time"
)

// wall returns the clock of this machine; nil is the real one. Where the linker has named a file it is off by what
// stands there: see server/bench/soak.
func wall() func() time.Time {
	if clockFile == "" {
		return nil
	}
	file := fmt.Sprint(clockFile, os.Getpid())
	return func() time.Time {
		text, err := os.ReadFile(file)
		if err != nil { // nobody has touched the clock yet
			return time.Now()
		}
		off, _ := time.ParseDuration(string(text)) // nothing is 0
		return time.Now().Add(off)
	}
}
