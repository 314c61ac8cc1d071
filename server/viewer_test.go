package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
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
		admin := strings.Repeat("admin key ", 4)
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
					if hidden := strings.Contains(told[n], "NOT_FOUND") && !strings.Contains(told[n], "canaries"); hidden != secret || !secret && strings.Contains(told[n], "errors") {
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
	body, err := json.Marshal(map[string]any{"query": document, "variables": map[string]any{"id": petition}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", strings.NewReader(string(body)))
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
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			return data
		}
	}
	return fmt.Sprintf("nothing, with status %d", response.StatusCode)
}
