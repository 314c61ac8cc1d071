package main

import (
	"testing"

	"petitiond/server/settings"
)

// What SQLite may take and Go's heap are together what the program may.
func TestSQLiteTakesAPartOfTheMemory(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url          string
		memory, heap int64
	}{
		{"sqlite:test.db", 128 << 20, 96 << 20},
		{"sqlite:test.db", 512 << 20, 384 << 20},
		{"sqlite:test.db", 8 << 30, 8<<30 - 256<<20},
		{"postgres://localhost/test", 128 << 20, 128 << 20},
	} {
		config := settings.Config{DatabaseURL: test.url, Memory: test.memory}
		if got := heapLimit(config); got != test.heap {
			t.Errorf("of %d bytes, %s leaves %d for the heap, want %d", test.memory, test.url, got, test.heap)
		}
		if got := heapLimit(config) + databaseOptions(config).OffHeap(test.url); got != test.memory {
			t.Errorf("of %d bytes, %d are given away", test.memory, got)
		}
	}
}
