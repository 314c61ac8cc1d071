package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/mail"
	"petitiond/server/mail/smtptest"
	"petitiond/server/outbox"
)

// canaryAddress is looked for where no address may be.
const canaryAddress = "canary.kim@example.org"

// mailServer starts a mail server until the test ends, and returns the settings by which it is used.
func mailServer(t *testing.T, o smtptest.Options) (*smtptest.Server, []string) {
	t.Helper()
	s, err := smtptest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, []string{"PETITION_SMTP_URL=smtp://127.0.0.1:" + s.Port(), "PETITION_MAIL_FROM=Petitions <petitions@example.org>"}
}

// eventually waits for what a worker brings about.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !met(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// outboxRows returns every value of the outbox, as text.
func (s *site) outboxRows(t *testing.T) string {
	t.Helper()
	rows, err := s.db.Read.QueryContext(t.Context(), `SELECT id, kind, payload, tries, due_at, parked_at, created_at FROM outbox`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		values := make([]any, 7)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			fmt.Fprintf(&out, "%s ", v)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// In development without a mail server a mail goes through the outbox to a page, and its address nowhere else.
func TestOutboxPage(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		contains(t, s.page(t, "/outbox").body, "There is no mail yet.")
		out, err := petitiond(t, environment, "mail", "test", canaryAddress)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, out, "nothing was sent", "/outbox")
		eventually(t, "the mail is on the page", func() bool { return strings.Contains(s.page(t, "/outbox").body, canaryAddress) })
		link := regexp.MustCompile(`/outbox/[0-9a-f-]{36}`).FindString(s.page(t, "/outbox").body)
		shown := s.page(t, link)
		contains(t, shown.body, "Test mail from localhost", canaryAddress, "If you can read it", `sandbox="allow-popups`, "Petitions &lt;petitions@localhost&gt;")
		contains(t, shown.header.Get("Content-Security-Policy"), "frame-src 'self'")
		html := s.page(t, link+"/html")
		contains(t, html.body, `<base target="_blank">`, "If you can read it", `lang="en" dir="ltr"`)
		contains(t, html.header.Get("Content-Security-Policy"), "default-src 'none'", "sandbox", "frame-ancestors 'self'")
		for _, path := range []string{"/outbox", link, link + "/html"} {
			if got := s.page(t, path).header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s may be kept: %s", path, got)
			}
		}
		if page := s.page(t, "/outbox/none"); page.status != http.StatusNotFound {
			t.Errorf("a mail that is not there: status %d", page.status)
		}
		metrics := ""
		eventually(t, "it is settled and counted", func() bool {
			_, metrics = s.get(t, "/metrics")
			return s.outboxRows(t) == "" && strings.Contains(metrics, `petitiond_outbox_sent_total{kind="mail"} 1`)
		})
		contains(t, metrics, `petitiond_outbox_waiting{kind="mail"}`)
		if strings.Contains(metrics+s.log.String(), "canary") {
			t.Error("the address is in the log or the metrics")
		}
	})
}

// Mails reach a mail server; those that it refuses for good are parked, and those that it will take later wait. No
// address is in the database, the log or the metrics, though the server repeats it in each answer.
func TestMailsReachAServer(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		server, settings := mailServer(t, smtptest.Options{To: func(to string) error {
			switch to {
			case "gone." + canaryAddress:
				return smtptest.Refuse(550, [3]int{5, 1, 1}, "no such mailbox: "+to)
			case "later." + canaryAddress:
				return smtptest.Refuse(451, [3]int{4, 7, 1}, "greylisted: "+to)
			}
			return nil
		}})
		s := start(t, append(environment, append(settings, "PETITION_MAIL_BOUNCE=bounce@example.org")...))
		for _, to := range []string{canaryAddress, "gone." + canaryAddress, "later." + canaryAddress} {
			order := mail.Order{To: to, Language: "fr", Letter: mail.AlreadySigned{Title: "Canary title", Link: s.config.PublicURL + "/manage"}}
			if err := s.enqueue(t.Context(), order); err != nil {
				t.Fatal(err)
			}
		}
		s.mailing.box.Wake()
		numbers := func() string { _, text := s.get(t, "/metrics"); return text }
		eventually(t, "all were tried", func() bool {
			return server.Taken() == 1 && strings.Contains(numbers(), `petitiond_outbox_failed_tries_total{kind="mail"} 2`)
		})
		got := server.Mails()[0]
		contains(t, string(got.Content), "Content-Language: fr", "To: <"+canaryAddress+">", "@localhost>")
		if got.From != "bounce@example.org" || got.To != canaryAddress {
			t.Errorf("from %s to %s", got.From, got.To)
		}
		s.mailing.box.Count(t.Context())
		metrics := numbers()
		contains(t, metrics, `petitiond_outbox_given_up_total{kind="mail"} 1`, `petitiond_outbox_parked{kind="mail"} 1`,
			`petitiond_outbox_waiting{kind="mail"} 1`, `petitiond_outbox_oldest_seconds{kind="mail"} 0`)
		log := s.log.String()
		contains(t, log, "naming the recipient failed: 550 5.1.1", "naming the recipient failed: 451 4.7.1")
		rows := s.outboxRows(t)
		if rows == "" || strings.Contains(strings.ToLower(rows+metrics+log), "canary") {
			t.Errorf("an address or a title can be read in:\n%s\n%s", rows, log)
		}
		if page := s.page(t, "/outbox"); page.status != http.StatusNotFound {
			t.Errorf("there is a page of the outbox: %d", page.status)
		}
	})
}

// A mail with a letter that only a later version knows waits for a server of that version.
func TestLetterOfALaterVersionWaits(t *testing.T) {
	t.Parallel()
	var m mailing
	err := m.deliver(t.Context(), outbox.Delivery{Payload: []byte(`{"to":"ada@example.org","letter":"later","data":{}}`)})
	if !errors.Is(err, mail.ErrOrder) {
		t.Errorf("got %v", err)
	}
}

// The link of a test mail leads to where a server with these settings is found.
func TestTestMailLinksToTheServer(t *testing.T) {
	t.Parallel()
	for listen, link := range map[string]string{
		"127.0.0.1:8123": "http://localhost:8123/", ":80": "http://localhost/", "192.0.2.7:0": "http://192.0.2.7/", "[::1]:8123": "http://[::1]:8123/",
	} {
		server, err := smtptest.Start(smtptest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		environment := []string{"PETITION_LISTEN=" + listen, "PETITION_SMTP_URL=smtp://127.0.0.1:" + server.Port(), "PETITION_MAIL_FROM=a@example.org"}
		if _, err := petitiond(t, environment, "mail", "test", "ada@example.org"); err != nil {
			t.Fatal(err)
		}
		for _, m := range server.Mails() {
			if !strings.Contains(string(m.Content), link+"\r\n") {
				t.Errorf("%s: want the link %s in:\n%s", listen, link, m.Content)
			}
		}
		if server.Taken() != 1 {
			t.Errorf("%d mails", server.Taken())
		}
	}
}

// Production without a mail server has no page of the outbox.
func TestOutboxPageInProduction(t *testing.T) {
	t.Parallel()
	environment := append(fresh(t, database.Postgres), "PETITION_ENV=production", "PETITION_PUBLIC_URL=https://petitions.example.org",
		"PETITION_CONFIRMATION=none", "PETITION_REVIEW=off")
	environment = with(environment, "PETITION_SECRET_FILE", secretOf(t, 'a', 0o600))
	if page := start(t, environment).page(t, "/outbox"); page.status != http.StatusNotFound {
		t.Errorf("status %d", page.status)
	}
	if _, err := petitiond(t, environment, "mail", "test", "ada@example.org"); err == nil || !strings.Contains(err.Error(), "set PETITION_SMTP_URL") {
		t.Errorf("got %v", err)
	}
}

// The command says how far a mail came, what failed, and which setting to look at. It never shows the password.
func TestMailTest(t *testing.T) {
	t.Parallel()
	refuse := func(string) error { return smtptest.Refuse(550, [3]int{5, 7, 1}, "not this one") }
	for name, test := range map[string]struct {
		server    smtptest.Options
		url       string // %s is the port
		steps     []string
		fault     string
		mentioned string
	}{
		"Right": {
			url: "smtp://127.0.0.1:%s",
			steps: []string{
				"ok      connecting 127.0.0.1:", "ok      greeting", "ok      naming the sender", "ok      naming the recipient",
				"ok      handing over the mail", "spam folder",
			},
		},
		"NoSTARTTLS": {
			url: "smtp://127.0.0.1:%s?tls=starttls", steps: []string{"ok      greeting", "failed  encrypting"},
			fault: "offers no STARTTLS", mentioned: "PETITION_SMTP_URL",
		},
		"NoTLS": {
			url: "smtps://127.0.0.1:%s", steps: []string{"ok      connecting", "failed  encrypting"},
			fault: "first record does not look like a TLS handshake", mentioned: "PETITION_SMTP_URL",
		},
		"Password": {
			server: smtptest.Options{User: "ann", Password: "other"}, url: "smtp://ann:canary@127.0.0.1:%s",
			steps: []string{"failed  signing in"}, fault: "535 5.7.8", mentioned: "Write @ as %40",
		},
		"Sender": {
			server: smtptest.Options{From: refuse}, url: "smtp://127.0.0.1:%s", steps: []string{"failed  naming the sender"},
			fault: `the server says: "5.7.1 not this one"`, mentioned: "PETITION_MAIL_FROM",
		},
		"Recipient": {
			server: smtptest.Options{To: refuse}, url: "smtp://127.0.0.1:%s", steps: []string{"failed  naming the recipient"},
			fault: "550 5.7.1", mentioned: "PETITION_SMTP_URL",
		},
		"Content": {
			server: smtptest.Options{Data: func(smtptest.Mail) error { return refuse("") }}, url: "smtp://127.0.0.1:%s",
			steps: []string{"failed  handing over the mail"}, fault: "550 5.7.1", mentioned: "PETITION_MAIL_FROM",
		},
		"NoServer": {
			url: "smtp://127.0.0.1:1", steps: []string{"failed  connecting"}, fault: "connection refused", mentioned: "PETITION_SMTP_URL",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, environment := mailServer(t, test.server)
			address := strings.ReplaceAll(test.url, "%s", server.Port())
			out, err := petitiond(t, with(environment, "PETITION_SMTP_URL", address), "mail", "test", "ada@example.org")
			contains(t, out, test.steps...)
			if test.fault == "" {
				if err != nil || server.Taken() != 1 {
					t.Errorf("%v, %d mails", err, server.Taken())
				}
				return
			}
			if err == nil || status(err) != 1 {
				t.Fatalf("got %v", err)
			}
			contains(t, err.Error(), test.fault, test.mentioned)
			if strings.Contains(out+err.Error(), "canary") {
				t.Error("the password is shown")
			}
		})
	}
	if _, err := petitiond(t, nil, "mail", "test", "ada"); err == nil {
		t.Error("something that is no address was taken")
	}
}
