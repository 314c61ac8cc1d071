// Package lru remembers what was used last, within a bound on bytes instead of entries: what comes from outside differs
// in size by orders of magnitude.
package lru

import (
	"iter"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache remembers values by keys. What was not used for the longest time goes first.
type Cache[K comparable, V any] struct {
	most int
	take func(V) int

	mu    sync.Mutex // guards what follows
	known *simplelru.LRU[K, V]
	bytes int
}

// New returns a cache for so many bytes. An entry takes what take returns when it is added, and gives back what free
// returns when it goes; the two differ where entries have something in common, or grow. Both run under the lock of the
// cache.
func New[K comparable, V any](most int, take, free func(V) int) *Cache[K, V] {
	c := &Cache[K, V]{most: most, take: take}
	// Entries are not counted. The only error is of a size below one.
	c.known, _ = simplelru.NewLRU(math.MaxInt, func(_ K, gone V) { c.bytes -= free(gone) })
	return c
}

// Get returns a value, which counts as used.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.Get(key)
}

// Add remembers a value, unless one is known by its key already: another was faster.
func (c *Cache[K, V]) Add(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known.Contains(key) {
		return
	}
	c.known.Add(key, value)
	c.grow(c.take(value))
}

// Grow adds what more returns to the bytes of a value, if it is known.
func (c *Cache[K, V]) Grow(key K, more func(V) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, ok := c.known.Peek(key); ok {
		c.grow(more(value))
	}
}

func (c *Cache[K, V]) grow(bytes int) {
	for c.bytes += bytes; c.bytes > c.most; {
		if _, _, any := c.known.RemoveOldest(); !any {
			return
		}
	}
}

// Bytes returns how many bytes all values take.
func (c *Cache[K, V]) Bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// All returns the entries, from the one that goes first on. It holds the cache's lock.
func (c *Cache[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, key := range c.known.Keys() {
			if value, _ := c.known.Peek(key); !yield(key, value) {
				return
			}
		}
	}
}

// Clear forgets all values.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Purge()
}
