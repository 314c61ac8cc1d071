package sitetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/petitioning"
)

// NotRaced leaves a test of many rows out where the race detector watches: SQLite, which is Go, takes a hundred
// times as long then, and the test does one thing after another.
func NotRaced(t testing.TB) {
	t.Helper()
	if Raced {
		t.Skip("the race detector watches")
	}
}

// Equal fails the test where got is not want.
func Equal(t testing.TB, what string, want, got any, options ...cmp.Option) {
	t.Helper()
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Faults fails the test unless err is made of exactly these faults, each as its code and its path. Every message must
// be a sentence.
func Faults(t testing.TB, err error, want ...string) {
	t.Helper()
	for _, f := range petitioning.Faults(err) {
		if !strings.HasSuffix(f.Message, ".") {
			t.Errorf("%q is no sentence", f.Message)
		}
	}
	slices.Sort(want)
	Equal(t, "faults", want, FaultsOf(err))
}

// FaultsOf returns the faults that err is made of as codes and paths; an error that nobody can mend stands for itself.
func FaultsOf(err error) []string {
	var out []string
	for _, f := range petitioning.Faults(err) {
		out = append(out, strings.TrimSpace(string(f.Code)+" "+strings.Join(f.Field, ".")))
	}
	if err != nil && out == nil {
		out = []string{err.Error()}
	}
	slices.Sort(out)
	return out
}

// OK ends the test where there is an error.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// OrEmpty returns a text, which is empty where there is none.
func OrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
