package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// holding is what a server still uses when nobody uses it.
type holding struct{ goroutines, descriptors, heap float64 }

// rest waits until the servers are idle, and returns what each still uses.
func (t *site) rest(ctx context.Context) ([]holding, error) {
	out := make([]holding, len(t.servers))
	for i := range t.servers {
		h, err := t.settled(ctx, i)
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}

// settled returns the least that a server uses within half a minute, or a shorter time in a short run: connections of
// clients that were disconnected last some seconds longer, and unused ones to the database are closed in time.
func (t *site) settled(ctx context.Context, i int) (least holding, err error) {
	for n := range min(15, max(6, int(t.length/(20*time.Second)))) {
		pause(ctx, 2*time.Second)
		now, err := t.held(ctx, i)
		if err != nil {
			return least, err
		}
		if n == 0 {
			least = now
		}
		least = holding{min(least.goroutines, now.goroutines), min(least.descriptors, now.descriptors), min(least.heap, now.heap)}
	}
	return least, nil
}

// held reads the metrics of a server.
func (t *site) held(ctx context.Context, i int) (h holding, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.servers[i].Address+"/metrics", nil)
	if err != nil {
		return h, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return h, err
	}
	defer response.Body.Close()
	into := map[string]*float64{
		"go_goroutines": &h.goroutines, "process_open_fds": &h.descriptors, "go_memstats_heap_alloc_bytes": &h.heap,
	}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if field := into[name]; field != nil {
			if *field, err = strconv.ParseFloat(value, 64); err != nil {
				return h, err
			}
			delete(into, name)
		}
	}
	if len(into) > 0 {
		return h, errors.New("/metrics does not report what the server uses")
	}
	return h, nil
}

const (
	window = 10 // minutes at the beginning and at the end, whose reads are compared
	slower = 1.2
)

// report prints how the run went, and returns an error for everything that has grown.
func (t *site) report(before, after []holding) (err error) {
	var signed int64
	for _, p := range t.petitions {
		signed += p.signed.Load()
	}
	fmt.Printf("%d signatures acknowledged, %d asked to come back; %d cuts, %d jumps of a clock\n", signed, t.refused.Load(), t.cut.Load(), t.jumped.Load())
	for i := range before {
		b, a := before[i], after[i]
		fmt.Printf("server %d at rest, before and after: goroutines %.0f, %.0f; descriptors %.0f, %.0f; heap %.1f MB, %.1f MB\n",
			i+1, b.goroutines, a.goroutines, b.descriptors, a.descriptors, b.heap/1e6, a.heap/1e6)
		for _, figure := range []struct {
			name                  string
			before, after, beside float64
		}{
			{"goroutines", b.goroutines, a.goroutines, 10}, {"descriptors", b.descriptors, a.descriptors, 10}, {"bytes of heap", b.heap, a.heap, 16 << 20},
		} {
			if figure.after > 1.2*figure.before+figure.beside {
				err = errors.Join(err, fmt.Errorf("server %d: %.0f %s have grown to %.0f", i+1, figure.before, figure.name, figure.after))
			}
		}
	}
	minutes := t.reads.length()
	size := min(window, max(1, minutes/2))
	first, n, lost := t.reads.percentile(0, size)
	last, m, later := t.reads.percentile(minutes-size, minutes)
	fmt.Printf("reads: p99 of the first %d minutes %.1f ms (%d, %d refused), of the last %.1f ms (%d, %d refused), %.2f times\n",
		size, ms(first), n, lost, ms(last), m, later, ms(last)/ms(first))
	fmt.Printf("p99 of each minute in ms:")
	for i := range minutes {
		p99, _, _ := t.reads.percentile(i, i+1)
		fmt.Printf(" %.1f", ms(p99))
	}
	fmt.Println()
	if minutes >= 2*window && ms(last) > slower*ms(first) {
		err = errors.Join(err, fmt.Errorf("reads now take %.2f times as long", ms(last)/ms(first)))
	}
	return err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// audit compares the rows with what was acknowledged, and has the program compare every figure with the rows.
func (t *site) audit(ctx context.Context) (err error) {
	for _, p := range t.petitions {
		var rows, total, issued int64
		failed := t.db.Read.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM signatures WHERE petition_id = $1 AND state = 'COUNTED'), total, issued
 FROM counters WHERE petition_id = $1`, p.uuid).Scan(&rows, &total, &issued)
		if want := p.signed.Load(); failed != nil || rows != want || total != want || issued != want {
			err = errors.Join(err, failed, fmt.Errorf("%d signatures were acknowledged, but there are %d rows, a count of %d and %d numbers", want, rows, total, issued))
		}
	}
	out, failed := t.program.Command(ctx, t.on, "recount").CombinedOutput()
	fmt.Printf("recount: %s\n", strings.TrimSpace(string(out)))
	if failed != nil {
		err = errors.Join(err, fmt.Errorf("recount: %w", failed))
	}
	return err
}
