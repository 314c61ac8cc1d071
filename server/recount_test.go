package main

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestWrongCounterHeals sets a counter wrong by hand: the running server finds it, mends it, tells those who
// watch, and counts it in a metric. The command finds nothing any more, and finds by itself what is spoilt next.
func TestWrongCounterHeals(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_RECOUNT=1s"))
		id, _ := s.open(t)
		for n := range 3 {
			s.sign(t, id, fmt.Sprintf("ann%d@example.org", n))
		}
		watched := s.subscribe(t, id)
		if got := <-watched; got != 3 {
			t.Fatalf("%d signatures, want 3", got)
		}
		s.spoil(t, `UPDATE counters SET total = total - 5`)
		s.await(t, "petitiond_recount_differences_total", 1)
		for got := range watched { // the wrong total may have been seen meanwhile
			if got == 3 {
				break
			}
		}
		if got := s.count(t, id); got != 3 {
			t.Errorf("%d signatures after the recount, want 3", got)
		}
		contains(t, s.log.String(), "a figure was wrong and is mended", "figure=total stored=-2 counted=3")
		s.stop()

		if out, err := petitiond(t, environment, "recount"); err != nil {
			t.Errorf("a second recount: %v\n%s", err, out)
		}
		app := start(t, environment)
		app.spoil(t, `UPDATE signature_country_buckets SET added = added + 1`)
		out, err := petitiond(t, environment, "recount")
		if err == nil {
			t.Error("want an error where something differed")
		}
		contains(t, out, id+`: country "": 4 stored, 3 counted`)
		if out, err := petitiond(t, environment, "recount"); err != nil {
			t.Errorf("a recount after the mend: %v\n%s", err, out)
		}
	})
}

// spoil changes figures by hand.
func (s *site) spoil(t *testing.T, text string) {
	t.Helper()
	if _, err := s.db.Write.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// await waits until a metric has a value.
func (s *site) await(t *testing.T, metric string, want float64) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + metric + ` (\S+)$`)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // as a scraper asks
		_, text := s.get(t, "/metrics")
		if found := line.FindStringSubmatch(text); found != nil {
			if got, _ := strconv.ParseFloat(found[1], 64); got == want {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not become %v:\n%s", metric, want, line.FindString(text))
		}
	}
}
