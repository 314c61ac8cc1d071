package pages_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"petitiond/server/pages"
)

// withMails returns options with mails in two directions.
func withMails() pages.Options {
	o := setup().options()
	at := time.Date(2026, 12, 7, 12, 0, 0, 0, time.UTC)
	o.Outbox = func() []pages.Mail {
		return []pages.Mail{
			{
				ID: "a-b", From: "Petitions <p@example.org>", To: "ada@example.org", Subject: "<b>Hello</b>", Language: "en", Direction: "ltr",
				Text: "Hello\n  <you>", HTML: "<!doctype html><html><head><title>x</title></head><body>Hello</body></html>", At: at,
			},
			{ID: "c", To: "b@example.org", Subject: "مرحبا", Language: "ar", Direction: "rtl", Text: "مرحبا", HTML: "<p>", At: at},
		}
	}
	return o
}

// The outbox lists mails and shows each in both forms; what is in them cannot become a part of the page.
func TestOutbox(t *testing.T) {
	t.Parallel()
	h := serve(t, withMails(), bundle())
	list := page(t, h, "/outbox")
	wants(t, list, `<a href="/outbox/a-b" lang="en"><bdi>&lt;b&gt;Hello&lt;/b&gt;</bdi></a>`, `<a href="/outbox/c" lang="ar">`, "ada@example.org", "7 December 2026, 12:00:00 UTC")
	one := page(t, h, "/outbox/a-b")
	wants(t, one, `<iframe src="/outbox/a-b/html" sandbox="allow-popups allow-popups-to-escape-sandbox"`, "Hello &lt;you&gt;", "Petitions &lt;p@example.org&gt;")
	wants(t, page(t, h, "/outbox/c"), `lang="ar" dir="rtl">مرحبا</pre>`)
	wants(t, page(t, h, "/outbox/a-b/html"), `<html><head><base target="_blank"><title>x</title></head><body>Hello</body></html>`)
	for _, target := range []string{"/outbox", "/outbox/a-b", "/outbox/a-b/html"} {
		header := get(t, h, target).Header()
		if header.Get("Cache-Control") != "no-store" || header.Get("ETag") != "" {
			t.Errorf("GET %s: it may be kept", target)
		}
		policy := header.Get("Content-Security-Policy")
		if strings.HasSuffix(target, "html") != strings.Contains(policy, "; sandbox allow-popups") ||
			slices.Contains(strings.Fields(policy), "'unsafe-inline';") != strings.HasSuffix(target, "html") || !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("GET %s: %s", target, policy)
		}
	}
	for _, target := range []string{"/outbox/none", "/outbox/none/html", "/outbox/"} {
		if code := get(t, h, target).Code; code != http.StatusNotFound {
			t.Errorf("GET %s: %d", target, code)
		}
	}
	for _, target := range []string{"/outbox", "/outbox/a-b"} {
		if code := get(t, serve(t, setup().options(), bundle()), target).Code; code != http.StatusNotFound {
			t.Errorf("GET %s without an outbox: %d", target, code)
		}
	}
}
