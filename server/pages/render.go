package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages by the names of their files.
type templates map[string]*template.Template

// parse reads the pages, each within the frame that all share.
func parse(files library) (templates, error) {
	frame, err := template.New("").Funcs(template.FuncMap{
		"address":   address,
		"asset":     files.address,
		"direction": direction,
		"language":  language,
		"number":    number,
		"outcome":   outcome,
	}).ParseFS(templateFiles, "templates/frame.html")
	if err != nil {
		return nil, fmt.Errorf("parse the frame: %w", err)
	}
	pages := templates{}
	for _, name := range []string{"start.html", "petition.html", "notice.html", "graphiql.html"} {
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

// show writes a page as a whole or, if it cannot be made, a line that says so.
func (s *site) show(w http.ResponseWriter, r *http.Request, status int, name string, view any) {
	var page bytes.Buffer
	if err := s.templates[name].ExecuteTemplate(&page, "page", view); err != nil {
		s.options.Logger.ErrorContext(r.Context(), "page failed", "page", r.Pattern, "error", err)
		http.Error(w, "This page cannot be shown.", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	// Whoever keeps a copy asks whether it is still right: the numbers move, and
	// a petition may be hidden at any time.
	header.Set("Cache-Control", "no-cache")
	if status != http.StatusOK {
		w.WriteHeader(status)
		_, _ = w.Write(page.Bytes()) // who has gone needs no answer
		return
	}
	header.Set("ETag", `W/"`+digest(page.Bytes())+`"`) // weak: the same compressed and not
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(page.Bytes()))
}

// digest names a content, in letters that may stand in an address.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// contentPolicy lets a page load scripts and styles from these sources, speak
// with this server, and nothing else: no other host, no frame, and no form
// that the browser sends by itself.
func contentPolicy(scripts, styles, fonts string) string {
	return "default-src 'none'; script-src " + scripts + "; style-src " + styles + "; font-src " + fonts +
		"; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// guarded sets the headers that every answer has.
func guarded(next http.Handler) http.Handler {
	policy := contentPolicy("'self'", "'self'", "'none'")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		// Which petition somebody reads is nobody else's business.
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
