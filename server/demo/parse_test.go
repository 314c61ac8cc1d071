package demo

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

func TestMoment(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want time.Time
	}{
		"Absolute":      {"2022-08-28T15:21:28Z", time.Date(2022, time.August, 28, 15, 21, 28, 0, time.UTC)},
		"OtherZone":     {"2022-08-28T17:21:28+02:00", time.Date(2022, time.August, 28, 15, 21, 28, 0, time.UTC)},
		"DaysBefore":    {"-23d", time.Date(2026, time.May, 9, 12, 0, 0, 0, time.UTC)},
		"DaysAfter":     {"+14d", time.Date(2026, time.June, 15, 12, 0, 0, 0, time.UTC)},
		"HoursBefore":   {"-3h", time.Date(2026, time.June, 1, 9, 0, 0, 0, time.UTC)},
		"DaysAndHours":  {"-1d6h30m", time.Date(2026, time.May, 31, 5, 30, 0, 0, time.UTC)},
		"MinutesBefore": {"-40m", time.Date(2026, time.June, 1, 11, 20, 0, 0, time.UTC)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := moment(test.text, noon)
			if err != nil {
				t.Fatalf("moment(%q): %v", test.text, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("moment(%q) (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestMomentErrs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "-", "+d", "-3", "3d", "-xd", "--3d", "-2d3", "yesterday", "2022-08-28", "2022-08-28 15:21:28"} {
		if got, err := moment(text, noon); err == nil {
			t.Errorf("moment(%q) = %v, want an error", text, got)
		}
	}
}

const sheet = `---
title: A tree for the square
language: en
petitioner: The square
addressees: [Council]
tags: [Trees, Square]
goal: 50
state: CLOSED
outcome: ANSWERED
created: -9d
starts: -8d
ends: +2d
closed: -1d
signatures: {count: 7, named: 0.5, curve: steady, countries: {NO: 60}, until: -2d}
comments:
  - author: Ann
    signatory: true
    at: -7d
    body: >-
      Plane trees: "please".
    replies:
      - at: -6d12h
        body: Limes!
---

First paragraph.

---

Last paragraph.
`

func TestParse(t *testing.T) {
	t.Parallel()
	before := func(d time.Duration) time.Time { return noon.Add(-d) }
	const day = 24 * time.Hour
	end, closed, until := before(-2*day), before(day), before(2*day)
	want := document{
		Petition: Petition{
			Title: "A tree for the square", Body: "First paragraph.\n\n---\n\nLast paragraph.", Language: "en", Petitioner: "The square",
			Addressees: []string{"Council"}, Tags: []string{"Trees", "Square"}, Goal: 50, State: "CLOSED", Outcome: "ANSWERED",
			CreatedAt: before(9 * day), StartsAt: before(8 * day), EndsAt: &end, ClosedAt: &closed,
			Comments: []Comment{{
				Author: "Ann", FromSignatory: true, Body: `Plane trees: "please".`, At: before(7 * day),
				Replies: []Comment{{Body: "Limes!", At: before(6*day + 12*time.Hour)}},
			}},
		},
		Crowd: crowd{Count: 7, Named: 0.5, Curve: "steady", Countries: map[string]int{"NO": 60}, Until: &until},
	}
	got, err := parse([]byte(sheet), noon)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(document{})); diff != "" {
		t.Errorf("parse (-want +got):\n%s", diff)
	}
}

func TestParseErrs(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"Empty":      "",
		"NoFront":    "First paragraph.\n",
		"NotClosed":  "---\ntitle: A\n",
		"UnknownKey": strings.Replace(sheet, "goal:", "gaol:", 1),
		"WrongType":  strings.Replace(sheet, "goal: 50", "goal: many", 1),
		"BadTime":    strings.Replace(sheet, "ends: +2d", "ends: soon", 1),
		"BadReply":   strings.Replace(sheet, "at: -6d12h", "at: 6d12h", 1),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := parse([]byte(text), noon); err == nil {
				t.Errorf("parse gave %+v, want an error", got)
			}
		})
	}
}

func TestGatherErrs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		old, new string
		want     error
	}{
		"NotYetOpen":    {"starts: -8d", "starts: +1d", errNeverOpen},
		"NeverOpen":     {"starts: -8d\n", "", errNeverOpen},
		"EndsAtStart":   {"closed: -1d", "closed: -8d", errNeverOpen},
		"TooMany":       {"{NO: 60}", "{NO: 60, SE: 41}", errCountries},
		"NamedTooLarge": {"named: 0.5", "named: 40", errNamed},
		"UnknownCurve":  {"curve: steady", "curve: bumpy", errCurve},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := gather(t, strings.Replace(sheet, test.old, test.new, 1)); !errors.Is(err, test.want) {
				t.Errorf("gather: %v, want %v", err, test.want)
			}
		})
	}
	t.Run("NoNames", func(t *testing.T) {
		t.Parallel()
		if err := gather(t, strings.Replace(sheet, "language: en", "language: eo", 1)); err == nil {
			t.Error("gather made up names for a language that has none")
		}
	})
}

func gather(t *testing.T, text string) error {
	t.Helper()
	d, err := parse([]byte(text), noon)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	people := register{"en": {Form: "{given} {family}", Given: []string{"Ann"}, Family: []string{"Elm"}}}
	_, err = d.gather(noon, people, source("sheet"))
	return err
}

func TestCurves(t *testing.T) {
	t.Parallel()
	const window = 40 * 24 * time.Hour
	tests := map[string]struct {
		youngest   time.Duration // the part of the window before its end that is looked at
		from, upto int           // how many of 1,000 fall there
	}{
		"steady": {window / 2, 450, 550},
		"fading": {window / 2, 150, 250},
		"viral":  {4 * 24 * time.Hour, 800, 900},
		"fresh":  {time.Hour, 480, 620},
	}
	for curve, test := range tests {
		t.Run(curve, func(t *testing.T) {
			t.Parallel()
			young := 0
			for _, at := range (crowd{Count: 1000, Curve: curve}).times(noon.Add(-window), noon, source(curve)) {
				if noon.Sub(at) < test.youngest {
					young++
				}
			}
			if young < test.from || young > test.upto {
				t.Errorf("%d of 1,000 within %v of the end, want %d to %d", young, test.youngest, test.from, test.upto)
			}
		})
	}
}

func TestTimesStayInTheWindow(t *testing.T) {
	t.Parallel()
	for _, curve := range []string{"steady", "fading", "viral", "fresh"} {
		for _, window := range []time.Duration{time.Minute, 3 * time.Hour, 1000 * 24 * time.Hour} {
			from := noon.Add(-window)
			times := crowd{Count: 500, Curve: curve}.times(from, noon, source(curve))
			if len(times) != 500 || times[0].Before(from) || !times[499].Before(noon) {
				t.Errorf("%s within %v: %d times from %v to %v", curve, window, len(times), times[0], times[len(times)-1])
			}
		}
	}
}

func TestLastCall(t *testing.T) {
	t.Parallel()
	early, late, next := noon.Add(-3*time.Hour), noon.Add(-time.Hour), noon.Add(time.Hour)
	tests := map[string]struct {
		ends, closed, until *time.Time
		want                time.Time
	}{
		"StillOpen": {&next, nil, nil, noon},
		"Ended":     {&late, nil, nil, late},
		"Closed":    {&late, &early, nil, early},
		"Stopped":   {&next, nil, &early, early},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := document{Petition: Petition{EndsAt: test.ends, ClosedAt: test.closed}, Crowd: crowd{Until: test.until}}
			if got := d.lastCall(noon); !got.Equal(test.want) {
				t.Errorf("lastCall = %v, want %v", got, test.want)
			}
		})
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	people, err := readRegister()
	if err != nil {
		t.Fatalf("readRegister: %v", err)
	}
	for language, names := range people {
		if len(names.Given) < 15 || len(names.Family) < 15 {
			t.Errorf("%s: %d given and %d family names, want 15 of each", language, len(names.Given), len(names.Family))
		}
		for list, all := range map[string][]string{"given": names.Given, "family": names.Family} {
			if fault := oddName(all); fault != "" {
				t.Errorf("%s, %s names: %s", language, list, fault)
			}
		}
		if strings.Count(names.Form, "{given}") != 1 || strings.Count(names.Form, "{family}") != 1 {
			t.Errorf("%s: the form %q does not hold each name once", language, names.Form)
		}
	}
}

// oddName tells the first name that is there twice or has more than letters.
func oddName(names []string) string {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return fmt.Sprintf("%q is there twice", name)
		}
		if strings.ContainsFunc(name, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M) }) {
			return fmt.Sprintf("%q has more than letters", name)
		}
		seen[name] = true
	}
	return ""
}

func TestRegisterOf(t *testing.T) {
	t.Parallel()
	people := register{"pt": {Form: "{given}"}, "zh": {Form: "{family}"}}
	for tag, want := range map[string]string{"pt": "{given}", "pt-BR": "{given}", "zh-Hans-SG": "{family}"} {
		if got, err := people.of(tag); err != nil || got.Form != want {
			t.Errorf("of(%s) = %q, %v; want %q", tag, got.Form, err, want)
		}
	}
}
