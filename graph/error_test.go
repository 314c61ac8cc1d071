package graph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/graph"
	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/live"
	"petitiond/server/petitioning"
)

func TestPresentError(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	const hidden = "dial tcp: pq: no such user canary@example.org in /var/lib/canary.db: SELECT secret"
	for _, c := range []struct {
		name   string
		ctx    context.Context
		err    error
		want   map[string]any // extensions
		logged string
	}{
		{"Transport", t.Context(), &gqlerror.Error{Message: "x", Extensions: map[string]any{"code": "TIMEOUT"}}, map[string]any{"code": "TIMEOUT"}, ""},
		{"Argument", t.Context(), &keyset.ArgumentError{Argument: "first", Message: "x"}, map[string]any{"code": "BAD_USER_INPUT", "field": "first"}, ""},
		{"Scalar", t.Context(), scalar.Error("x"), map[string]any{"code": "BAD_USER_INPUT", "field": ""}, ""},
		{"Domain", t.Context(), fmt.Errorf("reading: %w", &petitioning.Error{Code: petitioning.NotFound}), map[string]any{"code": "NOT_FOUND"}, ""},
		{"Retry", t.Context(), petitioning.Errors{{Code: petitioning.Unavailable, RetryAfter: 1200 * time.Millisecond}}, map[string]any{"code": "UNAVAILABLE", "retryAfterSeconds": 2}, ""},
		{"HubClosed", t.Context(), live.ErrClosed, map[string]any{"code": "UNAVAILABLE", "retryAfterSeconds": 1}, ""},
		{"Driver", t.Context(), fmt.Errorf("reading: %w", &pq.Error{Code: "22012", Message: hidden}), map[string]any{"code": "INTERNAL"}, "SQLSTATE 22012"},
		{"Slow", t.Context(), fmt.Errorf("reading: %w", &pq.Error{Code: "57014", Message: hidden}), map[string]any{"code": "UNAVAILABLE", "retryAfterSeconds": 1}, "SQLSTATE 57014"},
		{"Away", t.Context(), fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), map[string]any{"code": "UNAVAILABLE", "retryAfterSeconds": 1}, "unexpected EOF"},
		{"Any", t.Context(), fmt.Errorf("reading: %w", errors.New(hidden)), map[string]any{"code": "INTERNAL"}, "an error without a name"},
		{"ClientGone", gone, errors.New(hidden), map[string]any{"code": "INTERNAL"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log lines
			r := graph.Resolver{Logger: slog.New(slog.NewTextHandler(&log, nil))}
			got := r.PresentError(c.ctx, c.err)
			if diff := cmp.Diff(c.want, got.Extensions); diff != "" {
				t.Errorf("extensions (-want +got):\n%s", diff)
			}
			if strings.Contains(got.Error()+log.String(), "canary") {
				t.Errorf("a secret got out: %v, %s", got, log.String())
			}
			if (log.String() != "") != (c.logged != "") || !strings.Contains(log.String(), c.logged) {
				t.Errorf("logged %q, want %q", log.String(), c.logged)
			}
		})
	}
}

// TestDatabaseFailure closes the database under a running site.
func TestDatabaseFailure(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newSite(t, db)
		s.own(t, s.names, "open")
		id := s.names.real["petition:open"]
		sign := map[string]any{"in": map[string]any{"petitionId": id, "name": "Canary Bird", "email": "canary@example.org", "comment": "A canary sings."}}
		key := map[string]any{"in": map[string]any{"petitionId": id, "name": "Canary Bird", "email": "canary@example.org", "idempotencyKey": "canary-91c6e0ab-3d27-4f58-b1e4-60f5c8a2793d"}}
		any1 := map[string]any{"id": id}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			query     string
			variables map[string]any
		}{
			{`query($id: ID) { petition(id: $id) { title } }`, any1},
			{`{ petition(slug: "canary") { title } }`, nil},
			{`query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }`, any1},
			{`{ petitions(search: "canary") { nodes { title } totalCount } }`, nil},
			{`{ petitions { nodes { title comments { nodes { body } } } } }`, nil},
			{`{ tag(name: "canary") { label } tags { nodes { label } } trendingTags { tag { label } } statistics { petitionCount } }`, nil},
			{`mutation { createPetition(input: {title: "A canary title", body: "x", petitioner: "Canary Bird", petitionerEmail: "canary@example.org"}) { editToken } }`, nil},
			{`mutation($id: ID!) { updatePetition(input: {id: $id, version: 1, title: "A canary title"}) { petition { id } } }`, any1},
			{`mutation($id: ID!) { publishPetition(id: $id) { petition { id } } }`, any1},
			{`mutation($id: ID!) { closePetition(input: {id: $id}) { petition { id } } }`, any1},
			{`mutation($in: SignPetitionInput!) { signPetition(input: $in) { status } }`, sign},
			{`mutation($in: SignPetitionInput!) { signPetition(input: $in) { status } }`, key},
			{`mutation($id: ID!) { addComment(input: {petitionId: $id, body: "A canary sings."}) { comment { id } } }`, any1},
			{`subscription($id: ID!) { signatureCount(petitionId: $id) { total } }`, any1},
			{`subscription($id: ID!) { commentAdded(petitionId: $id) { id } }`, any1},
		} {
			got := s.ask(t, "", c.query, c.variables)
			errs := got.answer(t).Errors
			if len(errs) == 0 {
				t.Errorf("%s: no error in %s", c.query, got.body)
			}
			for _, e := range errs {
				id, _ := e.Extensions["requestId"].(string)
				want := map[string]any{"code": "INTERNAL", "requestId": id}
				if diff := cmp.Diff(want, e.Extensions); diff != "" || id == "" || !strings.HasPrefix(e.Message, "Something went wrong here.") {
					t.Errorf("%s: %q, request %q, extensions (-want +got):\n%s", c.query, e.Message, id, diff)
				}
			}
		}
		if got := s.ask(t, s.names.real["token:open"], `{ statistics { petitionCount } }`, nil); got.status != http.StatusServiceUnavailable {
			t.Errorf("a credential that cannot be checked gives %d: %s", got.status, got.body)
		}
		log := s.log.String()
		if !strings.Contains(log, "a field failed") {
			t.Error("nothing was logged")
		}
		for _, secret := range []string{"anary", "@", "SELECT", "INSERT", "petitions AS", os.TempDir(), "sqlite:", "postgres:", "A petition of one case"} {
			if strings.Contains(log, secret) {
				t.Errorf("the log tells %q:\n%s", secret, log)
			}
		}
	})
}

// TestPayloadThatCannotBeRead signs and comments while nothing can be read: what was written is acknowledged.
func TestPayloadThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newSite(t, db)
		s.own(t, s.names, "open")
		in := map[string]any{"in": map[string]any{"petitionId": s.names.real["petition:open"], "name": "Ada", "email": "late@example.org"}}
		if err := errors.Join(db.Read.Close(), db.LookUp.Close()); err != nil {
			t.Fatal(err)
		}
		got := s.ask(t, "", `mutation($in: SignPetitionInput!) { signPetition(input: $in) { status petition { id } userErrors { code } } }`, in)
		if want := `"data":{"signPetition":{"status":"COUNTED","petition":null,"userErrors":[]}}`; !strings.Contains(got.body, want) ||
			!strings.Contains(got.body, `"path":["signPetition","petition"]`) || got.status != http.StatusOK {
			t.Errorf("got %d %s, want %s and the path of what is missing", got.status, got.body, want)
		}
	})
}

// checkUnavailable asks for what the ledger writes. It may write for a moment yet after it was told to end.
func checkUnavailable(t *testing.T, s *site, id map[string]any) {
	t.Helper()
	const errs = `{ userErrors { code retryAfterSeconds } }`
	for _, c := range []struct{ field, query string }{
		{"signPetition", `mutation($id: ID!) { signPetition(input: {petitionId: $id, name: "Ada", email: "ada@example.org"}) ` + errs + ` }`},
		{"addComment", `mutation($id: ID!) { addComment(input: {petitionId: $id, body: "x"}) ` + errs + ` }`},
	} {
		want := `{"data":{"` + c.field + `":{"userErrors":[{"code":"UNAVAILABLE","retryAfterSeconds":1}]}}}`
		got := s.ask(t, "", c.query, id).body
		for !strings.Contains(got, "UNAVAILABLE") && !strings.Contains(got, "errors\":[{") {
			got = s.ask(t, "", c.query, id).body
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestWhoSignedIsNotTold signs with an address that has signed and with one that has not, in every way that
// gives an error and in those that do not.
func TestWhoSignedIsNotTold(t *testing.T) {
	t.Parallel()
	const query = `mutation($in: SignPetitionInput!) { signPetition(input: $in) { status petition { id } userErrors { code field message retryAfterSeconds } } }`
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newSite(t, db)
		s.own(t, s.names, "signed") // by first@example.org
		s.own(t, s.names, "closed")
		ask := func(petition, address string, more map[string]any) string {
			in := map[string]any{"petitionId": s.names.real["petition:"+petition], "name": "Ada Lovelace", "email": address}
			for field, value := range more {
				in[field] = value
			}
			return s.ask(t, "", query, map[string]any{"in": in}).body
		}
		for i, more := range []map[string]any{
			nil,
			{"name": ""},
			{"name": "www.spam.example"},
			{"country": "XX"},
			{"comment": ""},
			{"comment": "For the bees."},
			{"locale": "?"},
			{"statementVersion": strings.Repeat("v", 101)},
			{"idempotencyKey": "short"},
			{"showName": true},
			{"idempotencyKey": "b84a27f9-0c5d-4e61-9a3b-d7e2510f68c4"},
			{"country": 7},
			{"petitionId": ""},
		} {
			fresh := ask("signed", fmt.Sprintf("fresh%d@example.org", i), more)
			more := maps.Clone(more)
			if more["idempotencyKey"] == "b84a27f9-0c5d-4e61-9a3b-d7e2510f68c4" {
				more["idempotencyKey"] = "2f9d60b7-e18c-4a53-87d0-c4b6f31e9a58"
			}
			if diff := cmp.Diff(fresh, ask("signed", "first@example.org", more)); diff != "" {
				t.Errorf("with %v (-fresh +signed):\n%s", more, diff)
			}
		}
		// A key that was used says the same to both.
		mismatch := map[string]any{"idempotencyKey": "b84a27f9-0c5d-4e61-9a3b-d7e2510f68c4"}
		if diff := cmp.Diff(ask("signed", "fresh100@example.org", mismatch), ask("signed", "first@example.org", mismatch)); diff != "" {
			t.Errorf("with a key of another (-fresh +signed):\n%s", diff)
		}
		if err := s.domain.Close(operator(t.Context()), s.id("petition:signed"), nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ask("signed", "fresh101@example.org", nil), ask("signed", "first@example.org", nil)); diff != "" {
			t.Errorf("after the close (-fresh +signed):\n%s", diff)
		}
		s.endLedger()
		checkUnavailable(t, s, map[string]any{"id": s.names.real["petition:signed"]})
		if diff := cmp.Diff(ask("signed", "fresh102@example.org", nil), ask("signed", "first@example.org", nil)); diff != "" {
			t.Errorf("without a ledger (-fresh +signed):\n%s", diff)
		}
	})
}
