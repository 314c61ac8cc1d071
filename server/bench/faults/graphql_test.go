package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
)

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// patience is how long a request waits for its answer: longer than any fault here lasts.
const patience = 30 * time.Second

// request returns a GraphQL request, which is encoded only once, so that it can be repeated exactly.
func request(query string, variables map[string]any) []byte {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		panic(err) // maps of strings
	}
	return body
}

// answer is the answer to a GraphQL request.
type answer struct {
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Extensions struct{ Code string }
	}
}

// post sends a request once.
func post(ctx context.Context, address, bearer, accept string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", accept)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return client.Do(r)
}

// send sends a request once and reads the answer.
func send(ctx context.Context, address, bearer string, body []byte) (status int, raw []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	response, err := post(ctx, address, bearer, "application/json", body)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	raw, err = io.ReadAll(response.Body)
	return response.StatusCode, raw, err
}

// ask sends an operation to a server that works, and decodes the answer.
func (p *program) ask(bearer, query string, variables map[string]any, out any) {
	p.t.Helper()
	_, raw, err := send(p.t.Context(), p.address, bearer, request(query, variables))
	if err != nil {
		p.t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil || len(a.Errors) > 0 {
		p.t.Fatalf("no answer (%v): %.500s", err, raw)
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		p.t.Fatal(err)
	}
}

// petition is a petition that can be signed.
type petition struct {
	id    string // as in the API
	uuid  uuid.UUID
	token string // its edit token
}

// open creates and publishes a petition.
func (p *program) open() petition {
	p.t.Helper()
	var made struct {
		CreatePetition struct {
			Petition  struct{ ID string }
			EditToken string
		}
	}
	p.ask("", `mutation { createPetition(input: {title: "More trees", body: "Plant them.", petitioner: "Ann"}) {
 petition { id } editToken } }`, nil, &made)
	id := made.CreatePetition.Petition.ID
	var published struct {
		PublishPetition struct{ Petition struct{ State string } }
	}
	p.ask(made.CreatePetition.EditToken, `mutation($id: ID!) { publishPetition(id: $id) { petition { state } } }`,
		map[string]any{"id": id}, &published)
	if state := published.PublishPetition.Petition.State; state != "OPEN" {
		p.t.Fatalf("want an open petition, got %q", state)
	}
	return petition{id: id, uuid: scalar.ParseID(id).UUID, token: made.CreatePetition.EditToken}
}
