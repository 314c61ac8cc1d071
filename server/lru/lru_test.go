package lru_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"petitiond/server/lru"
)

// entry is a value that may grow.
type entry struct{ bytes int }

func size(e *entry) int { return e.bytes }

func newCache(most int) *lru.Cache[string, *entry] { return lru.New[string](most, size, size) }

func keys(c *lru.Cache[string, *entry]) (list string) {
	for key := range c.All() {
		list += key
	}
	return list
}

func TestWithinBytes(t *testing.T) {
	t.Parallel()
	c := newCache(1000)
	grow := func(key string, bytes int) {
		c.Grow(key, func(e *entry) int {
			e.bytes += bytes
			return bytes
		})
	}
	for _, step := range []struct {
		name  string
		do    func()
		want  string // the one that goes first, first
		bytes int
	}{
		{"Fits", func() { c.Add("a", &entry{400}); c.Add("b", &entry{400}) }, "ab", 800},
		{"Again", func() { c.Add("a", &entry{900}) }, "ab", 800},
		{"Used", func() { c.Get("a") }, "ba", 800},
		{"Unknown", func() { c.Get("z") }, "ba", 800},
		{"OldestGoes", func() { c.Add("c", &entry{400}) }, "ac", 800},
		{"Grows", func() { grow("a", 200) }, "ac", 1000},
		{"GrowsTooMuch", func() { grow("c", 1) }, "c", 401},
		{"GoneGrows", func() { grow("a", 900) }, "c", 401},
		{"MakesRoom", func() { c.Add("d", &entry{900}) }, "d", 900},
		{"TooLarge", func() { c.Add("e", &entry{1001}) }, "", 0},
		{"AfterAll", func() { c.Add("f", &entry{1000}) }, "f", 1000},
		{"Cleared", func() { c.Clear() }, "", 0},
	} {
		step.do()
		if got := keys(c); got != step.want || c.Bytes() != step.bytes {
			t.Errorf("%s: kept %q in %d bytes, want %q in %d", step.name, got, c.Bytes(), step.want, step.bytes)
		}
	}
}

// What entries have in common is taken by the first and given back with the last.
func TestInCommon(t *testing.T) {
	t.Parallel()
	holders := 0
	c := lru.New[string](1000, func(e *entry) int {
		if holders++; holders == 1 {
			return e.bytes + 500
		}
		return e.bytes
	}, func(e *entry) int {
		if holders--; holders == 0 {
			return e.bytes + 500
		}
		return e.bytes
	})
	for i := range 100 {
		c.Add(fmt.Sprint(i), &entry{100})
		if want := min(500+100*(i+1), 1000); c.Bytes() != want {
			t.Fatalf("%d bytes after %d entries, want %d", c.Bytes(), i+1, want)
		}
	}
	if c.Clear(); c.Bytes() != 0 || holders != 0 {
		t.Errorf("%d bytes and %d holders are left", c.Bytes(), holders)
	}
}

// Many use a cache at once: what it says that it takes is what it takes.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	c := newCache(5000)
	var users sync.WaitGroup
	for user := range uint64(4) {
		users.Go(func() {
			random := rand.New(rand.NewPCG(1, user))
			for range 2000 {
				key := fmt.Sprint(random.IntN(50))
				if _, ok := c.Get(key); !ok {
					c.Add(key, &entry{random.IntN(1000)})
				}
				c.Grow(key, func(e *entry) int { e.bytes++; return 1 })
			}
		})
	}
	users.Wait()
	sum := 0
	for _, e := range c.All() {
		sum += e.bytes
	}
	if sum != c.Bytes() || sum > 5000 || sum < 1000 {
		t.Errorf("%d bytes are kept, and %d are counted", sum, c.Bytes())
	}
}
