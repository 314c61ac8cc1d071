//go:build race

package sitetest

// Raced reports whether the race detector watches.
const Raced = true
