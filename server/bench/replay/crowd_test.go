package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever the number of signatures: each address is there once for the first time, a twentieth of them again, of
// addresses that are there, and no key serves two attempts.
func TestAttempts(t *testing.T) {
	t.Parallel()
	for _, signatures := range []int64{1, 19, 20, 21, 39, 40, 41, 1000, 6103} {
		t.Run(fmt.Sprint(signatures), func(t *testing.T) {
			t.Parallel()
			c := crowd{signatures: signatures}
			firsts, repeats, keys := map[string]bool{}, map[string]bool{}, map[string]bool{}
			var again int64
			for n := range signatures + c.repeats() {
				p, first := attempt(n)
				keys[p.Key] = true
				if first {
					firsts[p.Address] = true
					continue
				}
				again++
				repeats[strings.ToLower(p.Address)] = true
			}
			got := [4]int64{int64(len(firsts)), again, int64(len(keys)), 0}
			for address := range repeats {
				if !firsts[address] {
					got[3]++
				}
			}
			if diff := cmp.Diff([4]int64{signatures, signatures / 20, signatures + signatures/20, 0}, got); diff != "" {
				t.Errorf("addresses, repetitions, keys, repetitions of nobody (-want +got):\n%s", diff)
			}
		})
	}
}
