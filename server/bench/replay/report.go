package main

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"petitiond/server/bench/load"
)

// report is the result of the replay on one database.
type report struct {
	title  string
	lines  []line
	faults []string // what is not exact
}

type line struct{ name, value string }

func (r *report) add(name, format string, args ...any) {
	r.lines = append(r.lines, line{name, fmt.Sprintf(format, args...)})
}

func (r *report) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// table prints a table for each database, and reports whether all of them are exact.
func table(w io.Writer, reports []*report) (exact bool) {
	exact = true
	fmt.Fprintf(w, "\n%s\n", load.Machine())
	for _, r := range reports {
		if len(r.lines) == 0 { // it failed before there was anything to report
			continue
		}
		fmt.Fprintf(w, "\n| %s | |\n|---|--:|\n", r.title)
		for _, l := range r.lines {
			fmt.Fprintf(w, "| %s | %s |\n", l.name, l.value)
		}
		for _, fault := range r.faults {
			fmt.Fprintf(w, "\nNOT exact: %s\n", fault)
		}
		exact = exact && len(r.faults) == 0
	}
	return exact
}

// count formats a number with separators between thousands.
func count[N int | int64](n N) string { return message.NewPrinter(language.English).Sprintf("%d", n) }

// rate formats signatures per second.
func rate(n int64, took time.Duration) string { return count(int64(float64(n) / took.Seconds())) }

func bytes(n int64) string {
	if n < 1_000_000_000 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
