package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What an earlier version has stored is found as the present one finds it, soon after the start: tags by the keys that
// they had and have, and texts by their terms.
func TestEarlierTagsAndTextsAreFound(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		id, _ := s.openTagged(t, "1.5 °C")
		s.stop()
		rewrite(t, environment, append([]string{
			`UPDATE tags SET key = '15c'`, `UPDATE petitions SET title = 'Rettet Łódź'`, `UPDATE search_documents SET title = 'rettet łodz'`,
		}, beforeFingerprints...)...)
		s = start(t, environment)
		type tag struct{ Name, Label string }
		type found struct {
			Former, Present *tag
			Petitions       struct {
				Nodes []struct {
					ID   string
					Tags []tag
				}
			}
		}
		var want, got found
		want.Former, want.Present = &tag{"1.5c", "1.5 °C"}, &tag{"1.5c", "1.5 °C"}
		want.Petitions.Nodes = append(want.Petitions.Nodes, struct {
			ID   string
			Tags []tag
		}{id, []tag{{"1.5c", "1.5 °C"}}})
		diff := ""
		// The server writes them again by itself, in a second or so.
		for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
			got = found{}
			s.ask(t, "", `{ former: tag(name: "15c") { name label } present: tag(name: "#1.5 °C") { name label }
 petitions(search: "lodz", filter: {tags: ["15c"]}) { nodes { id tags { name label } } } }`, nil, &got)
			if diff = cmp.Diff(want, got); diff == "" {
				return
			}
		}
		t.Errorf("found after 20 s (-want +got):\n%s", diff)
	})
}
