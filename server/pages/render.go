package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"

	"petitiond/server/answerbudget"
	"petitiond/server/precompressed"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates contains the pages by the names of their files.
type templates map[string]*template.Template

// parse parses the pages, each together with the frame that all share.
func parse(files library) (templates, error) {
	frame, err := template.New("").Funcs(template.FuncMap{
		"address":     address,
		"asset":       files.address,
		"direction":   direction,
		"language":    language,
		"mailAddress": mailAddress,
		"number":      number,
		"outcome":     outcome,
		"paragraphs":  paragraphs,
	}).ParseFS(templateFiles, "templates/frame.html")
	if err != nil {
		return nil, fmt.Errorf("parse the frame: %w", err)
	}
	pages := templates{}
	for _, name := range []string{"start.html", "petition.html", "notice.html", "graphiql.html", "outbox.html", "mail.html", "confirm.html", "manage.html"} {
		page, err := frame.Clone()
		if err != nil {
			return nil, fmt.Errorf("clone the frame: %w", err)
		}
		if pages[name], err = page.ParseFS(templateFiles, "templates/"+name); err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
	}
	return pages, nil
}

// Page is a page in the bytes that are sent, or a redirection or notice in its place.
type Page struct {
	status   int
	location string // the address to which the page has moved
	file     string // the name under which browsers save it; empty: they show it
	policy   string // its Content-Security-Policy; empty: that of all pages
	html     precompressed.Bytes
}

// pageBytes is about what a page takes in memory besides its text.
const pageBytes = 500

// Size returns about how much memory the page takes.
func (p *Page) Size() int { return p.html.Size() + pageBytes }

// draft is a page that is being written. It counts its bytes against a budget.
type draft struct {
	bytes.Buffer
	budget *answerbudget.Budget
	room   int // bytes that it may have before the budget must be asked
}

// Write fails if the budget does not allow more bytes.
func (d *draft) Write(text []byte) (n int, err error) {
	if n := d.Len() + len(text); n > d.room {
		if d.room, err = d.budget.Write(n); err != nil {
			return 0, err
		}
	}
	return d.Buffer.Write(text)
}

// render renders a template.
func (t templates) render(ctx context.Context, status int, name string, view any) (*Page, error) {
	text := draft{budget: answerbudget.From(ctx)}
	if err := t[name].ExecuteTemplate(&text, "page", view); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return &Page{status: status, html: precompressed.Bytes{Plain: text.Bytes()}}, nil
}

// digest returns a name for content, in characters that can be part of an address.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// contentPolicy returns a policy by which a page can load scripts and styles from these sources and connect to this
// server, and nothing else: no other host, no frame, and no form that goes elsewhere.
func contentPolicy(scripts, styles, fonts string) string {
	return "default-src 'none'; script-src " + scripts + "; style-src " + styles + "; font-src " + fonts +
		"; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// guarded adds the security headers that every answer has.
func guarded(next http.Handler) http.Handler {
	policy := contentPolicy("'self'", "'self'", "'none'")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		// No other site needs to know which petition somebody has read.
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
