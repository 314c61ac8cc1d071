package pages

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// Options says what the pages show and where it comes from.
type Options struct {
	// PublicURL is where people reach the server.
	PublicURL string
	// GraphiQL tells whether there is a page of it.
	GraphiQL bool
	// Petitions gives the petitions of the start page in their order, and the
	// numbers of the whole site.
	Petitions func(ctx context.Context) ([]Card, Site, error)
	// Petition finds a petition by its slug or a former one: nil if there is
	// none to be seen.
	Petition func(ctx context.Context, slug string) (*Petition, error)
	// Logger is told of what failed; nil is silence.
	Logger *slog.Logger
}

// site answers for all pages.
type site struct {
	options   Options
	files     library
	templates templates
	graphiql  workbench
}

// New returns a handler for /, /p/{slug}, /graphiql and /assets/. It answers
// every other path with a page that says that nothing is there.
func New(o Options) (http.Handler, error) {
	return build(o, fetched)
}

func build(o Options, third fs.FS) (http.Handler, error) {
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	files, err := load(written, third)
	if err != nil {
		return nil, fmt.Errorf("load the files of the pages: %w", err)
	}
	pages, err := parse(files)
	if err != nil {
		return nil, fmt.Errorf("parse the pages: %w", err)
	}
	s := &site{options: o, files: files, templates: pages, graphiql: newWorkbench(files)}
	return guarded(s.routes()), nil
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.start)
	mux.HandleFunc("GET /p/{slug}", s.petition)
	if s.options.GraphiQL {
		mux.HandleFunc("GET /graphiql", s.workbench)
	}
	mux.HandleFunc("GET /assets/{name}", s.file)
	mux.HandleFunc("GET /", s.missing)
	return mux
}

// head is what every page has.
type head struct {
	Title       string
	Description string
	Address     string // of the page, without the server; empty if it has none of its own
	PublicURL   string
	GraphiQL    bool
	Script      string // besides the one that keeps numbers up to date
}

func (s *site) head(title string) head {
	return head{Title: title, PublicURL: s.options.PublicURL, GraphiQL: s.options.GraphiQL}
}

type startView struct {
	Head  head
	Cards []Card
	Site  Site
}

func (s *site) start(w http.ResponseWriter, r *http.Request) {
	cards, numbers, err := s.options.Petitions(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	view := startView{Head: s.head("Petitions"), Cards: cards, Site: numbers}
	view.Head.Description, view.Head.Address = "Read petitions, sign them, and watch the count move.", "/"
	s.show(w, r, http.StatusOK, "start.html", view)
}

type petitionView struct {
	Head     head
	Petition *Petition
}

func (s *site) petition(w http.ResponseWriter, r *http.Request) {
	slug := r.PathValue("slug")
	p, err := s.options.Petition(r.Context(), slug)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case p == nil:
		s.missing(w, r)
	case p.Slug != slug:
		// A title that is changed back turns the redirection around: a browser
		// that remembered the old one would go in circles.
		w.Header().Set("Cache-Control", "no-cache")
		http.Redirect(w, r, address(p.Slug), http.StatusMovedPermanently)
	default:
		view := petitionView{Head: s.head(p.Title), Petition: p}
		view.Head.Description, view.Head.Address, view.Head.Script = p.Summary, address(p.Slug), "sign.js"
		s.show(w, r, http.StatusOK, "petition.html", view)
	}
}

func address(slug string) string { return "/p/" + url.PathEscape(slug) }

type noticeView struct {
	Head head
	Text string
}

func (s *site) missing(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusNotFound, "notice.html", noticeView{
		Head: s.head("There is nothing here"),
		Text: "The address may be mistyped, or what it led to is not public any more.",
	})
}

// fail tells a visitor that a page cannot be had, and the log why.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody waits any longer
	}
	s.options.Logger.ErrorContext(r.Context(), "page failed", "page", r.Pattern, "error", err)
	s.show(w, r, http.StatusInternalServerError, "notice.html", noticeView{
		Head: s.head("This page cannot be shown"),
		Text: "Something went wrong on our side. Please try again in a moment.",
	})
}
