package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seed is the seed petition as the API returns it.
type seed struct {
	ID, Title, Summary, Body, Petitioner, State, StartsAt string
	Goal, SignatureCount, CommentCount                    int
	Addressees                                            []string
	Tags                                                  []struct{ Name string }
	Comments                                              struct{ Nodes []seedComment }
}

type seedComment struct {
	AuthorName      *string
	Body, CreatedAt string
}

func (s *site) seed(t *testing.T) *seed {
	t.Helper()
	out := struct{ Petition *seed }{}
	s.ask(t, "", `{ petition(slug: "cloudflare-stop-supporting-ibsa-websites") { id title summary body petitioner state startsAt goal
 signatureCount commentCount addressees tags { name } comments(first: 1) { nodes { authorName body createdAt } } } }`, nil, &out)
	return out.Petition
}

func TestSeedPetition(t *testing.T) {
	t.Parallel()
	letter, err := os.ReadFile("demo/testdata/seed-body.txt")
	if err != nil {
		t.Fatal(err)
	}
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_DEMO=true"))
		got := s.seed(t)
		if got == nil {
			t.Fatal("there is no seed petition")
		}
		want := seed{
			ID: got.ID, Title: "Cloudflare, stop supporting IBSA websites", Body: strings.TrimSpace(string(letter)),
			Petitioner: "Anonymous", State: "OPEN", StartsAt: "2022-08-28T15:21:28Z", Goal: 100, CommentCount: 1,
			Addressees: []string{"Cloudflare Inc."},
			Tags:       []struct{ Name string }{{"cloudflare"}, {"supporting"}, {"websites"}},
		}
		want.Comments.Nodes = []seedComment{{nil, "You are so artistic!", "2022-09-28T23:26:53Z"}}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("seed petition (-want +got):\n%s", diff)
		}
		if !s.sign(t, got.ID, "ann@example.org") || s.count(t, got.ID) != 1 {
			t.Error("want the seed petition to count a signature")
		}
	})
}

// A server that is stopped while it loads the demo content, as by somebody who sees a slow disk, has not failed.
func TestStopWhileLoading(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_DEMO=true"))
		s.stop() // which reports an error of the server
		if log := s.log.String(); !strings.Contains(log, "stopped") {
			t.Errorf("want a word of how it ended:\n%s", log)
		}
	})
}
