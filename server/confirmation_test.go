package main

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"petitiond/server/database"
	"petitiond/server/mail/smtptest"
)

// canaryName is looked for where no name may be.
const canaryName = "Canary Kim"

// letterText returns the plain text of a mail, as a person reads it.
func letterText(t *testing.T, m smtptest.Mail) string {
	t.Helper()
	message, err := netmail.ReadMessage(bytes.NewReader(m.Content))
	if err != nil {
		t.Fatal(err)
	}
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(message.Body, parameters["boundary"])
	part, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(part))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	letterLink = regexp.MustCompile(`http://\S+/(?:confirm|manage)\?token=\S+`)
	letterCode = regexp.MustCompile(`(?m)^\s*((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})\s*$`)
)

// letterParts returns the path of the link of a mail, its token and its code.
func letterParts(t *testing.T, m smtptest.Mail) (path, token, code string) {
	t.Helper()
	text := letterText(t, m)
	link, err := url.Parse(letterLink.FindString(text))
	if err != nil || link.Path == "" {
		t.Fatalf("the mail has no link: %v\n%s", err, text)
	}
	if found := letterCode.FindStringSubmatch(text); found != nil {
		code = found[1]
	}
	return link.RequestURI(), link.Query().Get("token"), code
}

// byMail are the settings with which mailboxes confirm, and their mail server.
func byMail(t *testing.T, o smtptest.Options) (*smtptest.Server, []string) {
	t.Helper()
	server, settings := mailServer(t, o)
	return server, append(settings, "PETITION_CONFIRMATION=email", "PETITION_MAIL_PACE=10000")
}

// signByMail signs and returns what is answered.
func (s *site) signByMail(t *testing.T, petition, email string) string {
	t.Helper()
	return string(s.send(t, "", `mutation($input: SignPetitionInput!) { signPetition(input: $input) { status petition { signatureCount } userErrors { code } } }`,
		map[string]any{"input": map[string]any{"petitionId": petition, "name": canaryName, "email": email, "comment": "Because of the bees"}}))
}

// press sends the form of a page, with the further fields that it has.
func (s *site) press(t *testing.T, path, token string, fields ...string) (status int, body string) {
	t.Helper()
	form := url.Values{"token": {token}}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		form.Set(name, value)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.config.PublicURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// confirmed asks for a confirmation and returns the number.
func (s *site) confirmed(t *testing.T, token string) int {
	t.Helper()
	var out struct {
		ConfirmSignature struct {
			Signature  struct{ Number int }
			UserErrors []struct{ Code string }
		}
	}
	s.ask(t, "", `mutation($token: String!) { confirmSignature(token: $token) { signature { number } userErrors { code } } }`, map[string]any{"token": token}, &out)
	if len(out.ConfirmSignature.UserErrors) > 0 {
		t.Errorf("not confirmed: %v", out.ConfirmSignature.UserErrors)
	}
	return out.ConfirmSignature.Signature.Number
}

// A signature goes the whole way by mail: it waits, opening its link confirms nothing, the button counts it once,
// however often it is pressed; and the link of the thanks takes it back. Nobody's name or address gets anywhere else.
func TestSigningByMail(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		server, settings := byMail(t, smtptest.Options{})
		s := start(t, append(environment, settings...))
		petition, _ := s.open(t)
		contains(t, s.page(t, "/p/"+s.slug(t, petition)).body, "We send a mail there", `action="/confirm"`)
		contains(t, s.signByMail(t, petition, canaryAddress), `"status":"CONFIRMATION_SENT"`, `"signatureCount":0`)
		eventually(t, "the mail is there", func() bool { return server.Taken() == 1 })
		path, token, code := letterParts(t, server.Mails()[0])
		if code == "" || !strings.HasPrefix(path, "/confirm?token=sg_") {
			t.Fatalf("path %s, code %q", path, code)
		}
		for range 3 { // as scanners of mails do
			shown := s.page(t, path)
			contains(t, shown.body, "Confirm my signature", token)
			if shown.header.Get("Cache-Control") != "no-store" || shown.header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("headers %v", shown.header)
			}
		}
		if n := s.count(t, petition); n != 0 {
			t.Errorf("%d count before the button is pressed", n)
		}
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if i%2 == 0 {
					status, body := s.press(t, "/confirm", []string{token, code}[i%4/2])
					if status != http.StatusOK || !strings.Contains(body, "<strong>1</strong>") {
						t.Errorf("status %d:\n%s", status, body)
					}
				} else if n := s.confirmed(t, []string{token, code}[i%4/2]); n != 1 {
					t.Errorf("number %d", n)
				}
			})
		}
		all.Wait()
		if n := s.count(t, petition); n != 1 {
			t.Errorf("%d count", n)
		}
		eventually(t, "the thanks are there", func() bool { return server.Taken() == 2 })
		manage, again, _ := letterParts(t, server.Mails()[1])
		if again != token || !strings.HasPrefix(manage, "/manage?") {
			t.Errorf("the thanks lead to %s", manage)
		}
		contains(t, s.page(t, manage).body, "Withdraw my signature", "<strong>1</strong>")
		if n := s.count(t, petition); n != 1 {
			t.Errorf("%d count after the page was opened", n)
		}
		if status, body := s.press(t, "/manage", token, "do=withdraw", "sure=yes"); status != http.StatusOK || !strings.Contains(body, "Your signature is withdrawn") {
			t.Errorf("status %d:\n%s", status, body)
		}
		if n := s.count(t, petition); n != 0 {
			t.Errorf("%d count after the withdrawal", n)
		}
		contains(t, string(s.send(t, "", `mutation($token: String!) { withdrawSignature(token: $token) { accepted userErrors { code } } }`, map[string]any{"token": token})), "TOKEN_INVALID")
		_, metrics := s.get(t, "/metrics")
		for _, secret := range []string{"canary", "Canary", token, code} {
			if strings.Contains(metrics+s.log.String()+s.outboxRows(t), secret) {
				t.Errorf("%s is in the log, the metrics or the outbox", secret)
			}
		}
	})
}

// What is answered does not depend on the address, and many requests for one bring one mail.
func TestAnswersTellNothing(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		server, settings := byMail(t, smtptest.Options{})
		s := start(t, append(environment, settings...))
		petition, _ := s.open(t)
		answers := map[string]bool{}
		sign := func(email string) { answers[s.signByMail(t, petition, email)] = true }
		sign("confirmed@example.org")
		sign("withdrawn@example.org")
		eventually(t, "both have mail", func() bool { return server.Taken() == 2 })
		for _, m := range server.Mails() {
			_, token, _ := letterParts(t, m)
			s.confirmed(t, token)
			if m.To == "withdrawn@example.org" {
				s.press(t, "/manage", token, "do=withdraw", "sure=yes")
			}
		}
		eventually(t, "both have thanks, unless withdrawn before", func() bool { return server.Taken() >= 3 })
		clear(answers)
		var all sync.WaitGroup
		var mu sync.Mutex
		for i := range 200 {
			all.Go(func() {
				got := s.signByMail(t, petition, []string{"new@example.org", "confirmed@example.org", " NEW+x@example.org", "withdrawn@example.org"}[i%4])
				mu.Lock()
				defer mu.Unlock()
				answers[got] = true
			})
		}
		all.Wait()
		if len(answers) != 1 {
			t.Errorf("different answers: %v", answers)
		}
		resent := map[string]bool{}
		for _, email := range []string{"new@example.org", "confirmed@example.org", "withdrawn@example.org", "never@example.org"} {
			resent[string(s.send(t, "", `mutation($id: ID!, $email: EmailAddress!) { resendConfirmation(petitionId: $id, email: $email) { accepted userErrors { code } } }`,
				map[string]any{"id": petition, "email": email}))] = true
		}
		if len(resent) != 1 {
			t.Errorf("different answers: %v", resent)
		}
		eventually(t, "nothing is left to be sent", func() bool { return s.outboxRows(t) == "" })
		mails := map[string]int{}
		for _, m := range server.Mails() {
			mails[strings.ToLower(m.To)]++
		}
		if n := mails["new@example.org"] + mails["new+x@example.org"]; n != 1 {
			t.Errorf("%d mails to a new address, want 1: %v", n, mails)
		}
		if mails["never@example.org"] > 0 {
			t.Errorf("a stranger has got mail: %v", mails)
		}
	})
}

// What was acknowledged is confirmable, although the server ends at once and the mail server takes nothing for a while;
// and another one on the same database goes on.
func TestSigningOutlivesTheServer(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		server, settings := byMail(t, smtptest.Options{})
		environment = append(environment, settings...)
		s := start(t, environment)
		petition, _ := s.open(t)
		const people = 60
		var all sync.WaitGroup
		for i := range people { // at once, so that many are being carried out when the server is to end
			all.Go(func() {
				contains(t, s.signByMail(t, petition, fmt.Sprintf("p%d@example.org", i)), "CONFIRMATION_SENT")
			})
		}
		all.Wait()
		s.stop()
		s = start(t, environment)
		eventually(t, "all have mail", func() bool { return server.Taken() >= people })
		numbers := map[int]bool{}
		for _, m := range server.Mails() {
			_, token, _ := letterParts(t, m)
			numbers[s.confirmed(t, token)] = true
		}
		if s.count(t, petition) != people || len(numbers) != people {
			t.Errorf("%d count, with %d numbers", s.count(t, petition), len(numbers))
		}
	})
}

// Production starts with its defaults, given a database and a mail server, and confirms.
func TestProductionConfirms(t *testing.T) {
	t.Parallel()
	server, settings := mailServer(t, smtptest.Options{})
	environment := append(fresh(t, database.Postgres), "PETITION_ENV=production", "PETITION_PUBLIC_URL=https://petitions.example.org", "PETITION_REVIEW=off")
	environment = with(append(environment, settings...), "PETITION_SECRET_FILE", secretOf(t, 'a', 0o600))
	s := start(t, environment)
	petition, _ := s.open(t)
	contains(t, s.signByMail(t, petition, "ada@example.org"), "CONFIRMATION_SENT")
	eventually(t, "the mail is there", func() bool { return server.Taken() == 1 })
	text := letterText(t, server.Mails()[0])
	contains(t, text, "https://petitions.example.org/confirm?token=sg_")
	if n := s.confirmed(t, letterCode.FindStringSubmatch(text)[1]); n != 1 {
		t.Errorf("number %d", n)
	}
	if strings.Contains(s.log.String(), "count at once") {
		t.Error("the log says that signatures count at once")
	}
}
