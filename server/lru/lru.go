// Package lru is a cache of the values that were used last. Its size is bounded in bytes instead of entries, because
// what clients send differs in size by orders of magnitude.
package lru

import (
	"iter"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache holds values by keys. The least recently used are evicted first.
type Cache[K comparable, V any] struct {
	most int
	take func(V) int

	mu    sync.Mutex // guards what follows
	known *simplelru.LRU[K, V]
	bytes int
}

// New returns a cache of at most so many bytes. An entry adds to the size what take returns when it is added, and
// subtracts what free returns when it is removed. The two differ if entries share memory, or grow. Both are called
// under the lock of the cache.
func New[K comparable, V any](most int, take, free func(V) int) *Cache[K, V] {
	c := &Cache[K, V]{most: most, take: take}
	// The number of entries is not bounded. The only possible error is a size below one.
	c.known, _ = simplelru.NewLRU(math.MaxInt, func(_ K, gone V) { c.bytes -= free(gone) })
	return c
}

// Get returns a value and marks it as used.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.Get(key)
}

// Add adds a value, unless there is one with its key already, which another goroutine may have added meanwhile.
func (c *Cache[K, V]) Add(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known.Contains(key) {
		return
	}
	c.known.Add(key, value)
	c.grow(c.take(value))
}

// Grow adds what more returns to the size of a value, if it is in the cache.
func (c *Cache[K, V]) Grow(key K, more func(V) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, ok := c.known.Peek(key); ok {
		c.grow(more(value))
	}
}

// grow adds to the size, and lets go of what was used least recently until it fits.
func (c *Cache[K, V]) grow(bytes int) {
	for c.bytes += bytes; c.bytes > c.most; {
		if _, _, any := c.known.RemoveOldest(); !any {
			return
		}
	}
}

// Bytes returns the size of all values together.
func (c *Cache[K, V]) Bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// All yields the entries, the least recently used first. It holds the cache's lock.
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

// Clear removes all values.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Purge()
}
