package pages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"petitiond/server/budget"
)

// Options says what the pages show and where it comes from.
type Options struct {
	// PublicURL is where people reach the server.
	PublicURL string
	// GraphiQL reports whether there is a page of it.
	GraphiQL bool
	// Petitions returns the petitions of the start page in their order, and the
	// numbers of the whole site.
	Petitions func(ctx context.Context) ([]Card, Site, error)
	// Petition finds a petition by its slug or a former one: nil if there is
	// none to be seen.
	Petition func(ctx context.Context, slug string) (*Petition, error)
	// Share sends the page of a name, which render makes now or made before: pages
	// are the same for everybody. Status is for the header Cache-Status. Where there
	// is an error nothing was sent, since the server is too busy. Nil renders a
	// page for every request.
	Share func(ctx context.Context, name string, render Render, send func(page *Page, status string)) error
	// Logger is told of what failed; nil is silence.
	Logger *slog.Logger
}

// Render makes a page, and reports whether others may have it later, until something in it changes.
type Render = func(ctx context.Context) (page *Page, keep bool)

// site answers for all pages.
type site struct {
	options   Options
	files     library
	templates templates
	graphiql  workbench
	notices   map[int]*Page // by status: what says why there is no page
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
	if o.Share == nil {
		o.Share = func(ctx context.Context, _ string, render Render, send func(*Page, string)) error {
			page, _ := render(ctx)
			send(page, "")
			return nil
		}
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
	if s.notices, err = s.renderNotices(); err != nil {
		return nil, fmt.Errorf("render the notices: %w", err)
	}
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
	s.serve(w, r, func(ctx context.Context) (*Page, bool) {
		cards, numbers, err := s.options.Petitions(ctx)
		if err != nil {
			return s.failed(ctx, r.Pattern, err)
		}
		view := startView{Head: s.head("Petitions"), Cards: cards, Site: numbers}
		view.Head.Description, view.Head.Address = "Read petitions, sign them, and watch the count move.", "/"
		return s.shown(ctx, r.Pattern, "start.html", view)
	})
}

type petitionView struct {
	Head     head
	Petition *Petition
}

func (s *site) petition(w http.ResponseWriter, r *http.Request) {
	slug := r.PathValue("slug")
	s.serve(w, r, func(ctx context.Context) (*Page, bool) {
		p, err := s.options.Petition(ctx, slug)
		switch {
		case err != nil:
			return s.failed(ctx, r.Pattern, err)
		case p == nil:
			// It is not kept: who makes addresses up must not push out what others read.
			return s.notices[http.StatusNotFound], false
		case p.Slug != slug:
			return moved(address(p.Slug)), true
		}
		view := petitionView{Head: s.head(p.Title), Petition: p}
		view.Head.Description, view.Head.Address, view.Head.Script = p.Summary, address(p.Slug), "sign.js"
		return s.shown(ctx, r.Pattern, "petition.html", view)
	})
}

func address(slug string) string { return "/p/" + url.PathEscape(slug) }

// serve answers with what render makes for the path, whatever stands behind a
// question mark.
func (s *site) serve(w http.ResponseWriter, r *http.Request, render Render) {
	send := func(page *Page, status string) {
		if status != "" {
			w.Header().Set("Cache-Status", status)
		}
		if r.Context().Err() == nil { // else nobody waits any longer
			page.send(w, r)
		}
	}
	if s.options.Share(r.Context(), r.URL.Path, render, send) != nil {
		send(s.notices[http.StatusServiceUnavailable], "")
	}
}

func (s *site) missing(w http.ResponseWriter, r *http.Request) {
	s.notices[http.StatusNotFound].send(w, r)
}

// shown is a page of a template.
func (s *site) shown(ctx context.Context, pattern, name string, view any) (page *Page, keep bool) {
	page, err := s.templates.render(ctx, http.StatusOK, name, view)
	if err != nil {
		return s.failed(ctx, pattern, err)
	}
	return page, true
}

// failed tells visitors that a page cannot be had, and the log why. For those
// who wait for it together it has failed once.
func (s *site) failed(ctx context.Context, pattern string, err error) (page *Page, keep bool) {
	cause := ctx.Err()
	switch {
	case errors.Is(err, budget.ErrMemory):
		return s.notices[http.StatusServiceUnavailable], false
	case !errors.Is(cause, context.Canceled): // else nobody waits any longer
		s.options.Logger.ErrorContext(ctx, "page failed", "page", pattern, "error", err)
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return s.notices[http.StatusGatewayTimeout], false
	}
	return s.notices[http.StatusInternalServerError], false
}

type noticeView struct {
	Head head
	Text string
}

// renderNotices renders what says why there is no page. It is the same for all pages.
func (s *site) renderNotices() (map[int]*Page, error) {
	notices := map[int]*Page{}
	for status, text := range map[int][2]string{
		http.StatusNotFound: {
			"There is nothing here", "The address may be mistyped, or what it led to is not public any more.",
		},
		http.StatusInternalServerError: {
			"This page cannot be shown", "Something went wrong on our side. Please try again in a moment.",
		},
		http.StatusServiceUnavailable: {
			"Very many people are here", "The server has as much to do as it can. Please try again in a moment.",
		},
		http.StatusGatewayTimeout: {
			"This page took too long", "The server has a lot to do just now. Please try again in a moment.",
		},
	} {
		view := noticeView{Head: s.head(text[0]), Text: text[1]}
		page, err := s.templates.render(context.Background(), status, "notice.html", view)
		if err != nil {
			return nil, err
		}
		notices[status] = page
	}
	return notices, nil
}
