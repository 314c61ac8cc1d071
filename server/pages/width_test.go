package pages_test

import (
	"html/template"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"petitiond/server/pages"
	"petitiond/server/transport/nodetest"
)

// TestWidths finds no page wider than its window, whatever people write without a space.
func TestWidths(t *testing.T) {
	t.Parallel()
	browser := nodetest.Browser(t)
	word := strings.Repeat("w", 400)
	at := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	said := pages.Comment{Author: word, FromSignatory: true, Body: word, At: at}
	thread := said
	thread.Replies = []pages.Comment{said, {Body: word, At: at}}

	f := setup()
	f.cards[0].Title, f.cards[0].Summary, f.cards[0].Petitioner, f.cards[0].Tags = word, word, word, []string{word, word}
	f.signed.Title = word
	f.petition.Card = f.cards[0]
	f.petition.BodyHTML = template.HTML("<p>" + word + "</p><ul><li>" + word + "</li></ul><blockquote>" + word +
		"</blockquote><table><tr><th>" + word + "</th><td>" + word + "</td></tr></table><pre>" + word + "</pre><p><a href='/'>" + word + "</a></p>")
	f.petition.Addressees = []string{word, word}
	f.petition.Comments = []pages.Comment{thread, {Body: word, At: at}}
	f.petition.Signatories = []pages.Signatory{{Number: 100_000_000, Name: word, Country: "GB", At: at}, {Number: 1, At: at}}
	o := f.options()
	o.Outbox = func() []pages.Mail {
		return []pages.Mail{{ID: "a", From: word, To: word, Subject: word, Language: "en", Direction: "ltr", Text: word, HTML: word, At: at}}
	}
	var addresses []string
	for _, language := range []string{"en", "ar"} {
		f := *f
		petition := *f.petition
		petition.Language, f.petition = language, &petition
		o.Petition = f.options().Petition
		server := httptest.NewServer(serve(t, o, bundle()))
		t.Cleanup(server.Close)
		addresses = append(addresses, server.URL+"/p/night-bus?"+language)
	}
	base := strings.TrimSuffix(addresses[0], "/p/night-bus?en")
	for _, path := range []string{"/", "/confirm?token=" + signatureToken, "/manage?token=" + signatureToken, "/manage?token=other", "/outbox", "/outbox/a", "/nothing"} {
		addresses = append(addresses, base+path)
	}
	nodetest.Run(t, nil, "clients/widths.mjs", append([]string{browser}, addresses...)...)
}
