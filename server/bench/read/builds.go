//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"petitiond/server/bench/load"
)

// build is a way to read that was built before: a program and settings of its own. Of each answer only the processor's
// time and what is allocated are compared, which other work on the machine hardly changes.
type build struct {
	name, file string
	settings   []string
}

// addBuild adds a build that is described as NAME=FILE SETTING=VALUE….
func (b *bench) addBuild(text string) error {
	words := strings.Fields(text)
	if len(words) == 0 {
		return errors.New("a build is described as NAME=FILE")
	}
	name, file, found := strings.Cut(words[0], "=")
	if !found || name == "" {
		return fmt.Errorf("%q is not NAME=FILE", words[0])
	}
	file, err := filepath.Abs(file)
	b.builds = append(b.builds, build{name, file, words[1:]})
	return err
}

// beginBuilds starts the builds.
func (b *bench) beginBuilds(ctx context.Context, f *fleet) (ways []way, err error) {
	for _, build := range b.builds {
		p := b.program.Built(build.file).With("PETITION_SHARED_ANSWERS=off").With(build.settings...)
		server, err := f.startBeside(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", build.name, err)
		}
		ways = append(ways, way{name: build.name, server: server})
	}
	return ways, nil
}

// allocations is what was allocated, in objects and bytes.
type allocations struct{ objects, size float64 }

// allocated returns what a build has allocated since it began. The yardstick has no metrics.
func (b *bench) allocated(ctx context.Context, s *load.Server) (a allocations, err error) {
	if len(b.builds) > 0 {
		a.objects, a.size, err = s.Allocated(ctx)
	}
	return a, err
}

const (
	waysHeader = "| operation | connections | way | answers/s | of memory | of sql | p50 ms | p99 ms | CPU server, ms each | " +
		"CPU database, ms each | from memory |\n|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
	buildsHeader = "| operation | connections | build | answers/s | of the first | CPU server, ms each | of the first | objects each | " +
		"of the first | kB each | of the first | resident MB |\n|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)

func (b *bench) header() string {
	if len(b.builds) > 0 {
		return buildsHeader
	}
	return waysHeader
}

// compareBuilds prints medians, and medians of the ratios to the first build in the same round.
func compareBuilds(o operation, connections int, ways []way, all map[string][]result) {
	first := all[ways[0].name]
	for _, w := range ways {
		rounds := all[w.name]
		fmt.Printf("| %s | %d | %s |", o.name, connections, w.name)
		for _, figure := range []struct {
			format string
			of     func(result) float64
		}{
			{" %.0f", func(r result) float64 { return r.rate }},
			{" %.3f", func(r result) float64 { return r.server }},
			{" %.0f", func(r result) float64 { return r.objects }},
			{" %.1f", func(r result) float64 { return r.size / 1000 }},
		} {
			var values, ratios []float64
			for i, r := range rounds {
				values = append(values, figure.of(r))
				ratios = append(ratios, figure.of(r)/figure.of(first[i]))
			}
			fmt.Printf(figure.format+" | %.2f |", median(values), median(ratios))
		}
		var resident []float64
		for _, r := range rounds {
			resident = append(resident, float64(r.resident)/1e6)
		}
		fmt.Printf(" %.0f |\n", median(resident))
	}
}
