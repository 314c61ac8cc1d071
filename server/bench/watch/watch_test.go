//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/bench/load"
)

// What the loop writes is read as what it means, however the connection cuts it.
func TestTake(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Second).Truncate(time.Microsecond)
	for _, form := range []string{formSocket, formEvents} {
		for _, operations := range []int{1, 10} {
			if form == formEvents && operations > 1 {
				continue
			}
			t.Run(fmt.Sprint(form, operations), func(t *testing.T) {
				t.Parallel()
				var all []byte
				for version := range 4 {
					all = appendValues(all, form, operations, int64(version*100), at)
				}
				for size := 1; size <= len(all); size += 7 {
					c := newCrowd(form, operations)
					s := c.sockets[0]
					for begin := 0; begin < len(all); begin += size {
						came := append(append([]byte{}, s.rest...), all[begin:min(begin+size, len(all))]...)
						c.take(s, came, at.Add(time.Second).UnixNano())
					}
					if c.delivered != int64(4*operations) || c.late[10_000] != c.delivered || c.backwards != 0 || c.gone != 0 {
						t.Fatalf("in pieces of %d: %d values, %d of them late by a second, %d backwards, %d gone",
							size, c.delivered, c.late[10_000], c.backwards, c.gone)
					}
					if n := c.behind([]int64{300}); n != 0 || c.behind([]int64{301}) != operations {
						t.Fatalf("in pieces of %d: versions %d", size, c.versions)
					}
				}
			})
		}
	}
}

func newCrowd(form string, operations int) *crowd {
	return &crowd{
		order: order{Form: form, Petitions: make([]string, operations)}, versions: make([]int64, operations),
		written: map[value]int64{}, sockets: []*socket{{fd: -1}},
	}
}

func TestTakeNoticesOlderValues(t *testing.T) {
	t.Parallel()
	c := newCrowd(formSocket, 1)
	for _, version := range []int64{3, 3, 2, 4} {
		c.take(c.sockets[0], appendValues(nil, formSocket, 1, version, time.Now()), 0)
	}
	if c.backwards != 1 {
		t.Errorf("%d values were older than the one before, want 1", c.backwards)
	}
}

func TestFrame(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 1, 125, 126, 1000, 65535} {
		text := strings.Repeat("a", length)
		data := append(appendHead(nil, opText, length, false), text...)
		for cut := range min(len(data), 200) {
			if _, _, n := frame(data[:cut]); n != 0 {
				t.Fatalf("%d of %d bytes were taken for a whole frame", cut, len(data))
			}
		}
		op, payload, n := frame(append(data, "next"...))
		if op != opText || string(payload) != text || n != len(data) {
			t.Errorf("length %d: got kind %d, %d bytes of text, %d in all", length, op, len(payload), n)
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	d := delays{}
	for i := range 1000 {
		d[i]++
	}
	got := []float64{d.quantile(0.5), d.quantile(0.99), d.quantile(1), delays{}.quantile(0.5)}
	if diff := cmp.Diff([]float64{49.9, 98.9, 99.9, 0}, got); diff != "" {
		t.Errorf("half, slowest hundredth, slowest, none (-want +got):\n%s", diff)
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	bytes, err := load.Resident(os.Getpid())
	if err != nil || bytes < 1<<20 || bytes > 1<<33 {
		t.Errorf("this process takes %d bytes, %v", bytes, err)
	}
	began, err := load.Processor(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for until := ownTime() + 0.2; ownTime() < until; { // not by the clock: others may have the processor
	}
	if ended, err := load.Processor(os.Getpid()); err != nil || ended-began < 0.15 {
		t.Errorf("spinning took 0.2 s of processor time, but the kernel counts %.2f s, %v", ended-began, err)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	b := &bench{rounds: 3, length: 10 * time.Second, every: 280 * time.Millisecond, form: formSocket}
	report(&out, b, scene{title: "one process", processes: 1, sockets: 15_000, operations: 1}, []result{
		{way: "server", idle: 700, after: 900, delivered: 900_000, seconds: 10, p50: 20, p99: 50},
		{way: "stock", idle: 48_000, after: 58_000, delivered: 230_000, seconds: 10, p50: 400, p99: 1800, behind: 1},
		{way: "tcp", idle: 75, after: 75, delivered: 1_000_000, seconds: 10, p50: 10, p99: 40},
	})
	for _, part := range []string{
		"one process: 15,000 sockets with 1 operations over WebSocket",
		"| server | 700 B | 900 B | 90,000 | 3.91 | 0.90 | 20.0 | 50.0 | 0.03 | yes |",
		"| no: 1 behind, 0 gone, 0 backwards |",
		"at least 3.3 of stock's (3.91): met",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("want %q in:\n%s", part, &out)
		}
	}
}

// What a child has taken stays in the sum when the child has ended.
func TestFamily(t *testing.T) {
	t.Parallel()
	stays := exec.CommandContext(t.Context(), "sleep", "60")
	ends := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")
	if err := errors.Join(stays.Start(), ends.Start()); err != nil {
		t.Fatal(err)
	}
	pids := []int{stays.Process.Pid, ends.Process.Pid}
	began, err := load.Family(pids)
	if err != nil {
		t.Fatal(err)
	}
	if err := ends.Wait(); err != nil {
		t.Fatal(err)
	}
	if ended, err := load.Family(pids); err != nil || ended-began < 0.03 {
		t.Errorf("a child that worked added %.2f s of processor time, %v", ended-began, err)
	}
	if err := stays.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = stays.Wait() // killed
	if _, err := load.Family(pids); err == nil {
		t.Error("of no process that lives there is a sum")
	}
}
