package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"petitiond/graph/scalar"
	"petitiond/server/petitioning"
)

// TestSharedSubscriptionsKeepSecrets lets people without a credential watch what only the petitioner and the staff
// may see, with the very words that those use, before and after them: they hear that there is no such petition.
func TestSharedSubscriptionsKeepSecrets(t *testing.T) {
	t.Parallel()
	documents := []string{
		`subscription($id: ID!) { live: signatureCount(petitionId: $id) { total version } }`,
		`subscription($id: ID!) { live: signatureCount(petitionId: $id) { total petition { title state } } }`,
		`subscription($id: ID!) { live: signatureCounts(petitionIds: [$id]) { total goal } }`,
		`subscription($id: ID!) { live: petitionChanged(petitionId: $id) { title state body } }`,
		`subscription($id: ID!) { live: petitionChanged(petitionId: $id) { ... on Petition { count { total } title } } }`,
	}
	const nobody, stranger = "", "stranger"
	eachDatabase(t, func(t *testing.T, environment []string) {
		const admin = adminOfTests
		s := start(t, append(environment, "PETITION_RATE_LIMITS=off", "PETITION_ADMIN_KEY="+admin))
		made := struct {
			CreatePetition struct {
				Petition  struct{ ID string }
				EditToken string
			}
		}{}
		s.ask(t, "", `mutation { createPetition(input: {title: "More canaries", body: "Plant canaries.", petitioner: "Ann"}) {
 petition { id } editToken } }`, nil, &made)
		draft, owner := made.CreatePetition.Petition.ID, made.CreatePetition.EditToken
		_, other := s.open(t) // the petitioner of something else
		bearers := map[string]string{nobody: "", stranger: other, "owner": owner, "admin": admin}
		for i, document := range documents {
			for _, order := range [][]string{
				{nobody, "owner", nobody, stranger}, {"owner", nobody, stranger, nobody}, {"admin", stranger, nobody, "owner"}, {stranger, "admin", nobody},
			} {
				var told []string
				for _, who := range order {
					told = append(told, s.first(t, bearers[who], document, draft))
				}
				for n, who := range order {
					secret := who == nobody || who == stranger
					if hidden := strings.Contains(told[n], "NOT_FOUND") && !strings.Contains(told[n], "canaries"); hidden != secret || !secret && !strings.HasPrefix(told[n], `{"data":{"live":{`) {
						t.Errorf("document %d, %v: %q was told %s", i, order, who, told[n])
					}
				}
			}
		}
	})
}

// first returns the data of the first event of a subscription, which stays open until the test ends.
func (s *site) first(t *testing.T, bearer, document, petition string) string {
	t.Helper()
	return s.hear(t, bearer, document, map[string]any{"id": petition})()
}

// hear subscribes until the test ends. The function that it returns gives the data of the next event.
func (s *site) hear(t *testing.T, bearer, document string, variables map[string]any) func() string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a test that waits in vain fails
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	return func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		return fmt.Sprintf("nothing, with status %d", response.StatusCode)
	}
}

// TestSharedDashboardsKeepRights hides one petition of a dashboard that people with and without credentials watch in
// the same words: those who may no longer see it are told that it has gone and go on, those who may see on; and who
// comes then is told where the missing one stands.
func TestSharedDashboardsKeepRights(t *testing.T) {
	t.Parallel()
	const document = `subscription($ids: [ID!]!) { live: signatureCounts(petitionIds: $ids) { petitionId total goal gone } }`
	eachDatabase(t, func(t *testing.T, environment []string) {
		const admin = adminOfTests
		s := start(t, append(environment, "PETITION_RATE_LIMITS=off", "PETITION_ADMIN_KEY="+admin))
		kept, stranger := s.open(t)
		hidden, owner := s.open(t)
		variables := map[string]any{"ids": []string{kept, hidden}}
		bearers := map[string]string{"nobody": "", "stranger": stranger, "owner": owner, "admin": admin}
		watching := map[string]*dashboard{}
		for who, bearer := range bearers {
			watching[who] = &dashboard{hear: s.hear(t, bearer, document, variables)}
		}
		for who, d := range watching {
			d.until(t, who, kept, 0, 100, false)
			d.until(t, who, hidden, 0, 100, false)
		}
		if err := s.domain.Hide(petitioning.WithActor(t.Context(), petitioning.Operator()), scalar.ParseID(hidden).UUID); err != nil {
			t.Fatal(err)
		}
		sees := map[string]bool{"owner": true, "admin": true}
		for who, d := range watching {
			if !sees[who] {
				d.until(t, who, hidden, 0, 100, true)
			}
		}
		s.ask(t, admin, `mutation($id: ID!) { updatePetition(input: {id: $id, version: 3, goal: 77}) { petition { id } userErrors { code } } }`,
			map[string]any{"id": hidden}, &struct{}{})
		if !s.sign(t, kept, "ann@example.org") {
			t.Fatal("not acknowledged")
		}
		for who, d := range watching {
			d.until(t, who, kept, 1, 100, false)
			if sees[who] && !d.goals[77] { // it may have come before the other
				d.until(t, who, hidden, 0, 77, false)
			}
			if told := d.goals[77]; told != sees[who] {
				t.Errorf("%s was told of what was done to a hidden petition: %v", who, told)
			}
			first := s.hear(t, bearers[who], document, variables)()
			if refused := strings.Contains(first, `"indexes":[1]`) && strings.Contains(first, "NOT_FOUND"); refused == sees[who] {
				t.Errorf("%s, who comes later, is told %s", who, first)
			}
		}
	})
}

// TestSharedCountsKeepRights hides a petition whose count people with and without credentials watch in the same words:
// it ends for those who may no longer see it, and the others see on.
func TestSharedCountsKeepRights(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_RATE_LIMITS=off", "PETITION_ADMIN_KEY="+adminOfTests))
		_, stranger := s.open(t)
		for _, document := range []string{
			`subscription($id: ID!) { signatureCount(petitionId: $id) { goal } }`,
			`subscription($id: ID!) { signatureCount(petitionId: $id) { goal petition { id signatureCount } } }`,
			`subscription($id: ID!) { signatureCount(petitionId: $id) { goal petition { title } } }`,
		} {
			hidden, owner := s.open(t)
			watching := map[string]func() string{}
			for who, bearer := range map[string]string{"nobody": "", "stranger": stranger, "owner": owner, "admin": adminOfTests} {
				watching[who] = s.hear(t, bearer, document, map[string]any{"id": hidden})
			}
			for who, hear := range watching {
				if first := hear(); !strings.Contains(first, `"goal":100`) {
					t.Fatalf("%s is told %s", who, first)
				}
			}
			if err := s.domain.Hide(petitioning.WithActor(t.Context(), petitioning.Operator()), scalar.ParseID(hidden).UUID); err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{"nobody", "stranger"} {
				if last := watching[who](); !strings.Contains(last, "NOT_FOUND") {
					t.Errorf("%s is told %s when it is hidden", who, last)
				}
			}
			s.ask(t, adminOfTests, `mutation($id: ID!) { updatePetition(input: {id: $id, version: 3, goal: 77}) { petition { id } } }`,
				map[string]any{"id": hidden}, &struct{}{})
			for _, who := range []string{"owner", "admin"} {
				told := watching[who]()
				for strings.Contains(told, `"goal":100`) { // the same again, by an execution of their own
					told = watching[who]()
				}
				if !strings.Contains(told, `"goal":77`) {
					t.Errorf("%s is told %s, want the new goal", who, told)
				}
			}
		}
	})
}

// dashboard is what somebody is told of several counts.
type dashboard struct {
	hear  func() string
	goals map[int]bool // that were told
}

// until listens until a count is as it should be. Other counts, and the same ones again, may come before.
func (d *dashboard) until(t *testing.T, who, petition string, total, goal int, gone bool) {
	t.Helper()
	for range 20 {
		event := struct {
			Data struct {
				Live struct {
					PetitionID  string
					Total, Goal int
					Gone        bool
				}
			}
			Errors []json.RawMessage
		}{}
		text := d.hear()
		if err := json.Unmarshal([]byte(text), &event); err != nil || len(event.Errors) > 0 {
			t.Fatalf("%s is told %s, want %s with %d of %d, gone %v", who, text, petition, total, goal, gone)
		}
		got := event.Data.Live
		if d.goals == nil {
			d.goals = map[int]bool{}
		}
		d.goals[got.Goal] = true
		if got.PetitionID == petition && got.Total == total && got.Goal == goal && got.Gone == gone {
			return
		}
	}
	t.Errorf("%s is not told that %s has %d of %d, gone %v", who, petition, total, goal, gone)
}
