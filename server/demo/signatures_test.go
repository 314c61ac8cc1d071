package demo_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"petitiond/server/demo"
)

// nights are times of loading at odd edges of the calendar.
func nights() map[string]time.Time {
	return map[string]time.Time{
		"Evening": evening,
		"LeapDay": time.Date(2028, time.February, 29, 0, 0, 0, 0, time.UTC),
		"NewYear": time.Date(2030, time.December, 31, 23, 59, 59, 999999999, time.UTC),
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	for name, now := range nights() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range load(t, now) {
				checkSignatures(t, p, now)
			}
		})
	}
}

func checkSignatures(t *testing.T, p demo.Petition, now time.Time) {
	t.Helper()
	addresses := map[string]bool{}
	for i, s := range p.Signatures {
		if want := fmt.Sprintf("signatory-%06d@demo.example", i+1); s.Address != want || addresses[want] {
			t.Fatalf("%s: address %s, want %s and once", p.Title, s.Address, want)
		}
		addresses[s.Address] = true
		if s.At.Before(p.StartsAt) || s.At.After(now) || ends(p.EndsAt, s.At) || ends(p.ClosedAt, s.At) {
			t.Fatalf("%s: signed at %v, when it was not open", p.Title, s.At)
		}
		if s.At.Location() != time.UTC || !s.At.Equal(s.At.Truncate(time.Microsecond)) {
			t.Fatalf("%s: %v is not UTC cut to microseconds", p.Title, s.At)
		}
		if !between(s.Name, 2, 100) || s.Country != "" && len(s.Country) != 2 {
			t.Fatalf("%s: name %q or country %q is malformed", p.Title, s.Name, s.Country)
		}
	}
	if !slices.IsSortedFunc(p.Signatures, func(a, b demo.Signature) int { return a.At.Compare(b.At) }) {
		t.Errorf("%s: the signatures are not in the order of time", p.Title)
	}
}

// ends reports whether the end, if there is one, had come at a time.
func ends(end *time.Time, at time.Time) bool {
	return end != nil && !at.Before(*end)
}

// since counts the signatures of the last while before now.
func since(p demo.Petition, now time.Time, while time.Duration) int {
	n := 0
	for _, s := range p.Signatures {
		if now.Sub(s.At) < while {
			n++
		}
	}
	return n
}

func TestSignaturesInAll(t *testing.T) {
	t.Parallel()
	for name, now := range nights() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var total, viral, fresh, reached, public int
			for _, p := range load(t, now) {
				total += len(p.Signatures)
				if n := since(p, now, 4*24*time.Hour); n > 2_000 && 2*n > len(p.Signatures) {
					viral++
				}
				if since(p, now, time.Hour) >= 10 {
					fresh++
				}
				if p.State == "OPEN" && len(p.Signatures) > p.Goal {
					reached++
				}
				for _, s := range p.Signatures {
					if s.ShowName {
						public++
					}
				}
			}
			if total < 14_000 || total > 16_000 {
				t.Errorf("%d signatures, want about 15,000", total)
			}
			if viral == 0 || fresh < 2 || reached == 0 {
				t.Errorf("%d petitions spread lately, %d were signed in the last hour, %d are open beyond their goal", viral, fresh, reached)
			}
			if share := float64(public) / float64(total); share < 0.3 || share > 0.5 {
				t.Errorf("%.0f %% of the names are public, want 30 to 50", 100*share)
			}
		})
	}
}
