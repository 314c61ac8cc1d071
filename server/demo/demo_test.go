package demo_test

import (
	_ "embed"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/demo"
)

//go:embed testdata/seed-body.txt
var seedBody string

// evening is an ordinary time of loading.
var evening = time.Date(2026, time.November, 22, 18, 6, 20, 123456000, time.UTC)

// load returns the content as it looks at a time.
func load(t *testing.T, now time.Time) []demo.Petition {
	t.Helper()
	petitions, err := demo.Petitions(now)
	if err != nil {
		t.Fatalf("Petitions: %v", err)
	}
	return petitions
}

func TestSeedPetition(t *testing.T) {
	t.Parallel()
	started := time.Date(2022, time.August, 28, 15, 21, 28, 0, time.UTC)
	want := demo.Petition{
		Title:      "Cloudflare, stop supporting IBSA websites",
		Body:       seedBody,
		Language:   "en",
		Petitioner: "Anonymous",
		Addressees: []string{"Cloudflare Inc."},
		Tags:       []string{"Cloudflare", "supporting", "websites"},
		Goal:       100,
		State:      "OPEN",
		CreatedAt:  started,
		StartsAt:   started,
		Comments: []demo.Comment{{
			Body: "You are so artistic!",
			At:   time.Date(2022, time.September, 28, 23, 26, 53, 0, time.UTC),
		}},
	}
	if diff := cmp.Diff(want, load(t, evening)[0]); diff != "" {
		t.Errorf("seed petition (-want +got):\n%s", diff)
	}
}

func TestOrderAndNumber(t *testing.T) {
	t.Parallel()
	petitions := load(t, evening)
	if got := len(petitions); got < 25 {
		t.Errorf("%d petitions, want two dozen beside the seed", got)
	}
	if !slices.IsSortedFunc(petitions, func(a, b demo.Petition) int { return a.CreatedAt.Compare(b.CreatedAt) }) {
		t.Error("the petitions are not in the order of creation")
	}
}

func TestSameTimeSameContent(t *testing.T) {
	t.Parallel()
	first, elsewhere := load(t, evening), load(t, evening.In(time.FixedZone("", 3*60*60)))
	if diff := cmp.Diff(first, elsewhere); diff != "" {
		t.Errorf("the second loading differs (-first +second):\n%s", diff)
	}
}

func TestTimesMoveWithLoading(t *testing.T) {
	t.Parallel()
	const later = 400 * 24 * time.Hour
	first, second := load(t, evening), load(t, evening.Add(later))
	for i := range first[1:] {
		if got := second[i+1].CreatedAt.Sub(first[i+1].CreatedAt); got != later {
			t.Errorf("%s: created %v later, want %v", first[i+1].Title, got, later)
		}
	}
	if !first[0].CreatedAt.Equal(second[0].CreatedAt) {
		t.Error("the seed petition moved with the time of loading")
	}
}

func TestEveryStateAndOutcome(t *testing.T) {
	t.Parallel()
	states, outcomes := map[string]int{}, map[string]int{}
	for _, p := range load(t, evening) {
		states[p.State]++
		outcomes[p.Outcome]++
	}
	for _, state := range []string{"DRAFT", "IN_REVIEW", "REJECTED", "OPEN", "PAUSED", "CLOSED", "ARCHIVED", "HIDDEN"} {
		if states[state] == 0 {
			t.Errorf("no petition is %s", state)
		}
		delete(states, state)
	}
	for _, outcome := range []string{"", "ANSWERED", "PARTIAL_VICTORY", "VICTORY", "REFUSED", "WITHDRAWN"} {
		if outcomes[outcome] == 0 {
			t.Errorf("no petition has the outcome %q", outcome)
		}
		delete(outcomes, outcome)
	}
	if len(states) > 0 || len(outcomes) > 0 {
		t.Errorf("unknown states %v or outcomes %v", states, outcomes)
	}
}

// faultsOfTimes tells what a petition could not have become by itself.
func faultsOfTimes(p demo.Petition, now time.Time) []string {
	ended := p.State == "CLOSED" || p.State == "ARCHIVED"
	private := p.State == "DRAFT" || p.State == "IN_REVIEW" || p.State == "REJECTED"
	faults := map[string]bool{
		"created after now":                       p.CreatedAt.After(now),
		"started before it was created":           !private && p.StartsAt.Before(p.CreatedAt),
		"start and state disagree":                private != p.StartsAt.IsZero(),
		"not ended after the start":               p.EndsAt != nil && !p.EndsAt.After(p.StartsAt),
		"open beyond its end":                     p.State == "OPEN" && p.EndsAt != nil && !p.EndsAt.After(now),
		"close and state disagree":                ended != (p.ClosedAt != nil),
		"outcome of a petition that is not ended": p.Outcome != "" && !ended,
		"closed after its end or after now":       p.ClosedAt != nil && (p.ClosedAt.After(now) || p.EndsAt != nil && p.ClosedAt.After(*p.EndsAt)),
		"closed before the start":                 p.ClosedAt != nil && p.ClosedAt.Before(p.StartsAt),
	}
	var found []string
	for fault, is := range faults {
		if is {
			found = append(found, fault)
		}
	}
	return found
}

func TestTimes(t *testing.T) {
	t.Parallel()
	waiting := 0
	for _, p := range load(t, evening) {
		for _, fault := range faultsOfTimes(p, evening) {
			t.Errorf("%s: %s", p.Title, fault)
		}
		if p.State == "OPEN" && p.StartsAt.After(evening) {
			waiting++
		}
	}
	if waiting == 0 {
		t.Error("no open petition waits for its start")
	}
}
