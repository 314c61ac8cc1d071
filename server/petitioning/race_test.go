//go:build race

package petitioning_test

// raced reports whether the race detector watches.
const raced = true
