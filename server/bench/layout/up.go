package main

import "math/bits"

// up returns how many arrows run up in the best order of files: the fewest that close a circle.
func up(arrows map[string]map[string]bool) int {
	places := map[string]int{}
	place := func(file string) int {
		if _, ok := places[file]; !ok {
			places[file] = len(places)
		}
		return places[file]
	}
	for from, all := range arrows {
		place(from)
		for to := range all {
			place(to)
		}
	}
	uses := make([]uint64, len(places))
	for from, all := range arrows {
		for to := range all {
			uses[place(from)] |= 1 << place(to)
		}
	}
	fewest := 0
	for _, circle := range circles(uses) {
		fewest += fewestUp(uses, circle)
	}
	return fewest
}

// circles returns the sets of files of which each leads to each other.
func circles(uses []uint64) (sets []uint64) {
	reach := append([]uint64(nil), uses...)
	for through := range reach { // Warshall's closure
		for from := range reach {
			if reach[from]>>through&1 == 1 {
				reach[from] |= reach[through]
			}
		}
	}
	var seen uint64
	for from := range reach {
		if seen>>from&1 == 1 || reach[from]>>from&1 == 0 {
			continue
		}
		circle := uint64(0)
		for to := range reach {
			if reach[from]>>to&1 == 1 && reach[to]>>from&1 == 1 {
				circle |= 1 << to
			}
		}
		seen |= circle
		sets = append(sets, circle)
	}
	return sets
}

// fewestUp puts the files of a circle in the order in which the fewest arrows run up. For each set of files it knows
// the best order of that set at the bottom: one more file above it adds its arrows to files that are not in the set.
// That is 2^n steps for n files; packages have few.
func fewestUp(uses []uint64, circle uint64) int {
	var files []int
	for rest := circle; rest != 0; rest &= rest - 1 {
		files = append(files, bits.TrailingZeros64(rest))
	}
	within := make([]uint32, len(files))
	for i, from := range files {
		for j, to := range files {
			if uses[from]>>to&1 == 1 {
				within[i] |= 1 << j
			}
		}
	}
	best := make([]uint16, 1<<len(files))
	for set := 1; set < len(best); set++ {
		best[set] = 1<<16 - 1
		for i := range files {
			if set>>i&1 == 1 {
				below := set &^ (1 << i)
				ups := best[below] + uint16(bits.OnesCount32(within[i]&^uint32(set)))
				best[set] = min(best[set], ups)
			}
		}
	}
	return int(best[len(best)-1])
}
