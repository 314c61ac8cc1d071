package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/mail/smtptest"
)

const (
	mySignatureQuery = `{ mySignature { state number name showName comment updates country petition { title } } }`
	amendMutation    = `mutation($input: UpdateSignatureInput!) { updateSignature(input: $input) { signature { name showName comment } userErrors { code } } }`
	publicNames      = `query($id: ID!) { petition(id: $id) { signatures { totalCount nodes { name } } } }`
	publicComments   = `query($id: ID!) { petition(id: $id) { comments { nodes { authorName body } } } }`
)

// A signatory sees and changes a signature by the token of its mails, over the API and over the page, while it waits
// and once it counts. What everybody sees follows at once, on other replicas in a moment; nobody else sees anything.
func TestOwnSignature(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		server, settings := byMail(t, smtptest.Options{})
		environment = append(environment, settings...)
		s := start(t, environment)
		everywhere := []*site{s}
		if s.db.Dialect == database.Postgres {
			everywhere = append(everywhere, start(t, environment))
		}
		petition, _ := s.open(t)
		id := map[string]any{"id": petition}
		s.signByMail(t, petition, canaryAddress)
		eventually(t, "the mail is there", func() bool { return server.Taken() == 1 })
		path, token, code := letterParts(t, server.Mails()[0])
		manage := strings.Replace(path, "/confirm", "/manage", 1)

		contains(t, string(s.send(t, token, mySignatureQuery, nil)), `"state":"PENDING"`, `"number":null`, canaryName, "Because of the bees")
		contains(t, s.page(t, manage).body, "not confirmed yet", canaryName, "Because of the bees")
		if n := s.confirmed(t, code); n != 1 {
			t.Fatalf("number %d", n)
		}
		contains(t, string(s.send(t, token, mySignatureQuery, nil)), `"state":"COUNTED"`, `"number":1`)
		contains(t, string(s.send(t, "", mySignatureQuery, nil)), `"mySignature":null`)
		for _, wrong := range []string{"sg_", token + "x", token[:len(token)-1], code} {
			contains(t, string(s.send(t, wrong, mySignatureQuery, nil)), "UNAUTHENTICATED")
			contains(t, string(s.send(t, "", amendMutation, map[string]any{"input": map[string]any{"token": wrong, "showName": true}})), "TOKEN_INVALID")
		}

		// Everywhere is asked before and after, so that shared answers would be seen that are too old.
		see := func(what string, names, comments string) {
			t.Helper()
			contains(t, string(s.send(t, "", publicNames, id)), names)
			contains(t, string(s.send(t, "", publicComments, id)), comments)
			for _, at := range everywhere[1:] {
				eventually(t, what+" on the other replica", func() bool {
					return strings.Contains(string(at.send(t, "", publicNames, id)), names) && strings.Contains(string(at.send(t, "", publicComments, id)), comments)
				})
			}
		}
		const unnamed, unsigned = `"totalCount":0,"nodes":[]`, `"authorName":null,"body":"Because of the bees"`
		const named = `"totalCount":1,"nodes":[{"name":"` + canaryName + `"}]`
		see("a name that is not public", unnamed, unsigned)
		contains(t, string(s.send(t, "", amendMutation, map[string]any{"input": map[string]any{"token": token, "showName": true}})), `"showName":true`)
		see("the name", named, `"authorName":"`+canaryName+`"`)
		if _, body := s.press(t, "/manage", token, "do=save", "updates=yes"); !strings.Contains(body, "Your changes are saved") {
			t.Errorf("not saved:\n%s", body)
		}
		see("no name", unnamed, unsigned)
		contains(t, string(s.send(t, token, mySignatureQuery, nil)), `"showName":false`, `"updates":true`)
		if _, body := s.press(t, "/manage", token, "do=takeBack"); !strings.Contains(body, "Tick the box") {
			t.Errorf("nobody was asked:\n%s", body)
		}
		see("the reason", unnamed, unsigned)
		s.press(t, "/manage", token, "do=takeBack", "sure=yes")
		see("no reason", unnamed, `"authorName":null,"body":"—"`)

		status, file := s.press(t, "/manage/signature.json", token)
		var own struct{ Name, Comment, State string }
		if err := json.Unmarshal([]byte(file), &own); err != nil || status != http.StatusOK || own.Name != canaryName || own.Comment != "" || own.State != "COUNTED" {
			t.Errorf("status %d, %v:\n%s", status, err, file)
		}
		if strings.Contains(file, canaryAddress) || strings.Contains(file, token) {
			t.Errorf("the file has an address or a token:\n%s", file)
		}
		s.press(t, "/manage", token, "do=withdraw", "sure=yes")
		if n := s.count(t, petition); n != 0 {
			t.Errorf("%d count", n)
		}
		contains(t, string(s.send(t, token, mySignatureQuery, nil)), "UNAUTHENTICATED")
		contains(t, s.page(t, manage).body, "There is no such signature")
		if _, body := s.press(t, "/manage/signature.json", token); strings.Contains(body, canaryName) {
			t.Errorf("the file of a signature that is withdrawn:\n%s", body)
		}
		for _, at := range everywhere {
			_, metrics := at.get(t, "/metrics")
			for _, secret := range []string{"canary", "Canary", token} {
				if strings.Contains(metrics+at.log.String(), secret) {
					t.Errorf("%s is in the log or the metrics", secret)
				}
			}
		}
	})
}

// The comment of who withdraws is gone from answers that others share at once.
func TestWithdrawnCommentIsDropped(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		server, settings := byMail(t, smtptest.Options{})
		s := start(t, append(environment, settings...))
		petition, _ := s.open(t)
		id := map[string]any{"id": petition}
		s.signByMail(t, petition, canaryAddress)
		eventually(t, "the mail is there", func() bool { return server.Taken() == 1 })
		_, token, _ := letterParts(t, server.Mails()[0])
		s.confirmed(t, token)
		contains(t, string(s.send(t, "", publicComments, id)), "Because of the bees")
		s.press(t, "/manage", token, "do=withdraw", "sure=yes")
		contains(t, string(s.send(t, "", publicComments, id)), `"body":"—"`)
	})
}
