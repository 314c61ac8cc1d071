//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// The server's goals, which are printed with its figures.
const (
	goalMemory = 2048 // bytes per socket
	goalStock  = 3.3  // deliveries per second of processor time, as a multiple of stock's
	goalTen    = 8.0  // the same with ten operations per socket
	goalFloor  = 0.8  // the same as a multiple of tcp's
	goalLate   = 0.5  // the 99th percentile of the time, as a multiple of stock's
)

// result is one measurement of a way.
type result struct {
	way         string
	sockets     int
	idle, after float64 // resident bytes per socket, before and after updates
	delivered   int64   // values
	seconds     float64 // processor time of the servers
	clients     float64 // processor time of the watchers, in seconds
	p50, p99    float64 // milliseconds from commit to watcher
	signed      int     // how often the count was changed
	behind      int     // operations without the last value
	gone        int     // sockets that were lost
	backwards   int     // values that were older than the one before
}

// rate returns the deliveries per second of processor time.
func (r result) rate() float64 { return float64(r.delivered) / max(r.seconds, 0.01) }

// String returns all figures in one line.
func (r result) String() string {
	return fmt.Sprintf("%s: %.0f B idle, %.0f B after; %d moves, %s values, %.2f s of processor (clients %.2f s), %s for a second; "+
		"p50 %.1f ms, p99 %.1f ms; %d behind, %d gone, %d backwards",
		r.way, r.idle, r.after, r.signed, thousands(r.delivered), r.seconds, r.clients, thousands(int64(r.rate())), r.p50, r.p99,
		r.behind, r.gone, r.backwards)
}

// median returns the result with the median rate. Its times and memory are not medians themselves, but belong to that
// rate.
func median(list []result) result {
	slices.SortFunc(list, func(a, b result) int { return int(a.rate() - b.rate()) })
	return list[len(list)/2]
}

// report prints the results of the ways in one scene, and how the server compares with the others.
func report(out io.Writer, b *bench, s scene, list []result) {
	by := map[string]result{}
	for _, r := range list {
		by[r.way] = r
	}
	over := "WebSocket"
	if b.form == formEvents {
		over = "server-sent events"
	}
	fmt.Fprintf(out, "\n%s: %s sockets with %s operations over %s; %d rounds of %s, a signature every %s\n\n",
		s.title, thousands(int64(s.processes*s.sockets)), strconv.Itoa(s.operations), over, b.rounds, b.length, b.every)
	fmt.Fprintln(out, "| way | memory a socket, idle | after updates | deliveries/CPU-s | of stock | of tcp | p50 ms | p99 ms | of stock | all had the last value |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|")
	for _, r := range list {
		fmt.Fprintf(out, "| %s | %s B | %s B | %s | %s | %s | %.1f | %.1f | %s | %s |\n",
			r.way, thousands(int64(r.idle)), thousands(int64(r.after)), thousands(int64(r.rate())),
			of(r.rate(), by["stock"].rate()), of(r.rate(), by["tcp"].rate()), r.p50, r.p99, of(r.p99, by["stock"].p99), verdict(r))
	}
	if server, ok := by["server"]; ok {
		fmt.Fprintf(out, "\n%s\n", judge(s, server, by["stock"], by["tcp"]))
	}
}

// of returns a figure as a multiple of another that may not have been measured.
func of(a, b float64) string {
	if a == 0 || b < 0.1 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func verdict(r result) string {
	if r.behind == 0 && r.gone == 0 && r.backwards == 0 {
		return "yes"
	}
	return fmt.Sprintf("no: %d behind, %d gone, %d backwards", r.behind, r.gone, r.backwards)
}

// judge compares the server's figures with its goals.
func judge(s scene, server, stock, tcp result) string {
	var parts []string
	add := func(met bool, format string, args ...any) {
		mark := "met"
		if !met {
			mark = "NOT met"
		}
		parts = append(parts, fmt.Sprintf(format, args...)+": "+mark)
	}
	if s.operations == 1 {
		most := max(server.idle, server.after)
		add(most <= goalMemory, "at most %s B a socket (%s)", thousands(goalMemory), thousands(int64(most)))
	}
	goal := goalStock
	if s.operations > 1 {
		goal = goalTen
	}
	if stock.delivered > 0 {
		add(server.rate() >= goal*stock.rate(), "deliveries for a second at least %.1f of stock's (%s)", goal, of(server.rate(), stock.rate()))
		if s.operations == 1 {
			add(server.p99 <= goalLate*stock.p99, "slowest hundredth at most %.1f of stock's (%s)", goalLate, of(server.p99, stock.p99))
		}
	}
	if tcp.delivered > 0 && s.operations == 1 {
		add(server.rate() >= goalFloor*tcp.rate(), "deliveries for a second at least %.1f of tcp's (%s)", goalFloor, of(server.rate(), tcp.rate()))
	}
	return "Goals: " + strings.Join(parts, "; ") + "."
}

// thousands formats a number as people write it: 15,000.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
