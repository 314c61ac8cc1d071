package pages

import (
	"html/template"
	"net/http"

	"petitiond/server/precompressed"
)

// redirection sends visitors to another address. Browsers must revalidate it each time: if a title is changed back, the
// redirection turns around, and a browser that remembered the old one would go in circles.
func redirection(status int, to string) *Page {
	text := `<a href="` + template.HTMLEscapeString(to) + `">This page is elsewhere.</a>` + "\n"
	return &Page{status: status, location: to, html: precompressed.Bytes{Plain: []byte(text)}}
}

// send answers a request with the page. Only a page that was found has a tag: an error must not be confirmed by a 304.
func (p *Page) send(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	if p.policy != "" {
		header.Set("Content-Security-Policy", p.policy)
	}
	if p.location != "" {
		header.Set("Location", p.location)
	}
	// A page that has moved keeps the query, such as what tells a campaign's visitors apart; that of a preview is a
	// secret.
	if p.status == http.StatusMovedPermanently && r.URL.RawQuery != "" {
		header.Set("Location", p.location+"?"+r.URL.RawQuery)
	}
	kept := header.Get("Cache-Control") == "" // or else this page is for one visitor alone
	if kept {
		// A copy must be revalidated before it is shown again: numbers change, and a petition may be hidden at any time.
		header.Set("Cache-Control", "no-cache")
	}
	if p.status >= http.StatusInternalServerError {
		header.Set("Cache-Control", "no-store")
	}
	if p.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "1")
	}
	kind := "text/html; charset=utf-8"
	if p.file != "" {
		kind = "application/json"
		header.Set("Content-Disposition", `attachment; filename="`+p.file+`"`)
	}
	p.html.Send(w, r, p.status, kind, kept && p.status == http.StatusOK)
}
