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

	"petitiond/server/answerbudget"
)

// Options are what the pages show and where it comes from.
type Options struct {
	// PublicURL is the address at which people reach the server.
	PublicURL string
	// GraphiQL is whether there is a page with it.
	GraphiQL bool
	// Petitions returns a page of the open petitions, in order: the first one, or the one whose place another page names
	// as Next. It returns nil if there is no such place.
	Petitions func(ctx context.Context, after string) (*Listing, error)
	// Petition returns a petition by its slug or a former one, or nil if there is none that visitors may see.
	Petition func(ctx context.Context, slug string) (*Petition, error)
	// Preview is like Petition for those who have an edit token, which may open more to them.
	Preview func(ctx context.Context, slug, token string) (*Petition, error)
	// Mailbox is behind the pages to which links in mails lead. If Mailbox is nil, there are none.
	Mailbox *Mailbox
	// Outbox returns the mails that were kept instead of being sent, the latest first. If Outbox is nil, they have no
	// pages.
	Outbox func() []Mail
	// IsPassing reports whether an error of the functions above is temporary; nil: none is.
	IsPassing func(error) bool
	// Slug returns the slug that is meant by the end of an address, as people copy it. If Slug is nil, it is as it is.
	Slug func(typed string) string
	// Share calls send with the page of this name, which render makes now or has made before: pages are the same for
	// everybody. Status is the value of the header Cache-Status. An error means that nothing was sent, since the server
	// is too busy. If Share is nil, every request is rendered separately.
	Share func(ctx context.Context, name string, render Render, send func(page *Page, status string)) error
	// Logger logs what failed; nil: nothing is logged.
	Logger *slog.Logger
}

// Render makes a page, and reports whether it may be kept for other visitors until something in it changes.
type Render = func(ctx context.Context) (page *Page, keep bool)

// site serves all pages.
type site struct {
	options   Options
	files     library
	templates templates
	graphiql  workbench
	notices   map[notice]*Page
}

// New returns a handler for /, /p/{slug}, /confirm, /manage, /graphiql, /outbox and /assets/. For every other path it
// sends a page that says that there is nothing.
func New(o Options) (http.Handler, error) {
	return build(o, fetched)
}

// build makes the handler with the files in third from elsewhere, such as GraphiQL's, which a test replaces.
func build(o Options, third fs.FS) (http.Handler, error) {
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.IsPassing == nil {
		o.IsPassing = func(error) bool { return false }
	}
	if o.Share == nil {
		o.Share = func(ctx context.Context, _ string, render Render, send func(*Page, string)) error {
			page, _ := render(ctx)
			send(page, "")
			return nil
		}
	}
	if o.Slug == nil {
		o.Slug = func(typed string) string { return typed }
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

// routes answers GET and HEAD: what changes something goes to the API, but for the forms behind links in mails.
func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.start)
	mux.HandleFunc("GET /p/{slug}", s.petition)
	// As people copy it.
	mux.HandleFunc("GET /p/{slug}/{$}", s.petition)
	mux.HandleFunc("GET /P/{slug}", s.petition)
	mux.HandleFunc("GET /P/{slug}/{$}", s.petition)
	if s.options.GraphiQL {
		mux.HandleFunc("GET /graphiql", s.workbench)
	}
	if s.options.Mailbox != nil {
		for path, page := range map[string]http.HandlerFunc{
			"/confirm": s.letter("confirm.html", "Confirm your signature", s.confirm),
			"/manage":  s.letter("manage.html", "Your signature", s.manage),
		} {
			mux.HandleFunc("GET "+path, page)
			mux.HandleFunc("POST "+path, page)
		}
		mux.HandleFunc("POST /manage/signature.json", s.private(s.download))
	}
	if s.options.Outbox != nil {
		mux.HandleFunc("GET /outbox", s.outbox)
		mux.HandleFunc("GET /outbox/{id}", s.mail)
		mux.HandleFunc("GET /outbox/{id}/html", s.mailBody)
	}
	mux.HandleFunc("GET /assets/{name}", s.file)
	mux.HandleFunc("GET /", s.missing)
	return mux
}

// head is what the head of every page contains.
type head struct {
	Title       string
	Description string
	Image       string // for previews of links
	Address     string // of the page, without the server; empty if it has none of its own
	PublicURL   string
	GraphiQL    bool
	Script      string // in addition to the one that keeps numbers up to date
}

func (s *site) head(title string) head {
	return head{Title: title, PublicURL: s.options.PublicURL, GraphiQL: s.options.GraphiQL}
}

// afterParameter names the place after which a page of the open petitions begins.
const afterParameter = "after"

type startView struct {
	Head head
	*Listing
	Further bool // whether petitions come before these
}

// start shows the open petitions, page by page, and the numbers of the site.
func (s *site) start(w http.ResponseWriter, r *http.Request) {
	after, at := r.URL.Query().Get(afterParameter), "/"
	if after != "" {
		at += "?" + afterParameter + "=" + after
	}
	s.serve(w, r, at, func(ctx context.Context) (*Page, bool) {
		listing, err := s.options.Petitions(ctx, after)
		switch {
		case err != nil:
			return s.failed(ctx, r.Pattern, err)
		case listing == nil:
			return s.notices[missing], false // made-up places must not displace the pages that others read
		}
		view := startView{Head: s.head("Petitions"), Listing: listing, Further: after != ""}
		view.Head.Description, view.Head.Address = "Read petitions, sign them, and watch the count move.", "/"
		return s.shown(ctx, r.Pattern, "start.html", view)
	})
}

type petitionView struct {
	Head     head
	Petition *Petition
	Unseen   string // who sees it, if not everybody does
}

// petition shows a petition by its current slug. Former slugs and other spellings redirect to it, so that old links
// still work and search engines find each petition at one address.
func (s *site) petition(w http.ResponseWriter, r *http.Request) {
	if token := r.URL.Query().Get(previewParameter); token != "" {
		s.preview(w, r, token)
		return
	}
	slug := s.options.Slug(r.PathValue("slug"))
	s.serve(w, r, address(slug), func(ctx context.Context) (*Page, bool) {
		p, err := s.options.Petition(ctx, slug)
		switch {
		case err != nil:
			return s.failed(ctx, r.Pattern, err)
		case p == nil:
			// It is not kept: otherwise requests for made-up addresses could displace the pages that others read.
			return s.notices[missing], false
		case p.Slug != slug:
			return redirection(http.StatusMovedPermanently, address(p.Slug)), true
		}
		view := petitionView{Head: s.head(p.Title), Petition: p}
		view.Head.Description, view.Head.Address, view.Head.Script = p.Summary, address(p.Slug), "sign.js"
		view.Head.Image = p.ImageURL
		return s.shown(ctx, r.Pattern, "petition.html", view)
	})
}

func address(slug string) string { return "/p/" + url.PathEscape(slug) }

// serve sends the page at an address, which render makes. The query of the address does not matter. A request for it in
// another spelling is redirected; otherwise everybody could have copies of one page kept.
func (s *site) serve(w http.ResponseWriter, r *http.Request, at string, render Render) {
	send := func(page *Page, status string) {
		// A notice stands at any address, and is not sent elsewhere.
		if path, _, _ := strings.Cut(at, "?"); page.status == http.StatusOK && r.URL.EscapedPath() != path {
			page = redirection(http.StatusMovedPermanently, path)
		}
		if status != "" {
			w.Header().Set("Cache-Status", status)
		}
		if r.Context().Err() == nil { // else the client has gone
			page.send(w, r)
		}
	}
	if s.options.Share(r.Context(), at, render, send) != nil {
		send(s.notices[busy], "")
	}
}

// missing says that there is nothing at an address.
func (s *site) missing(w http.ResponseWriter, r *http.Request) {
	s.notices[missing].send(w, r)
}

// shown renders a template, or reports that this failed.
func (s *site) shown(ctx context.Context, pattern, name string, view any) (page *Page, keep bool) {
	page, err := s.templates.render(ctx, http.StatusOK, name, view)
	if err != nil {
		return s.failed(ctx, pattern, err)
	}
	return page, true
}

// pathOf returns what the pattern of a route says of the path, as people write it.
func pathOf(pattern string) string {
	return strings.TrimSuffix(strings.TrimPrefix(pattern, "GET "), "{$}")
}

// failed returns the page that tells visitors that there is an error, and logs the cause. It is called once for all
// visitors who wait for the same page.
func (s *site) failed(ctx context.Context, pattern string, err error) (page *Page, keep bool) {
	cause := ctx.Err()
	switch {
	case errors.Is(err, answerbudget.ErrMemory):
		return s.notices[busy], false
	case !errors.Is(cause, context.Canceled): // else all clients have gone
		s.options.Logger.ErrorContext(ctx, "page failed", "page", pathOf(pattern), "error", err)
	}
	switch {
	case errors.Is(cause, context.DeadlineExceeded):
		return s.notices[late], false
	case s.options.IsPassing(err):
		return s.notices[away], false
	}
	return s.notices[broken], false
}

// notice is a page that says why there is no other.
type notice struct {
	status      int
	title, text string
}

// The notices.
var (
	missing = notice{
		http.StatusNotFound, "There is nothing here", "The address may be mistyped, or the page is no longer public.",
	}
	broken = notice{
		http.StatusInternalServerError, "This page cannot be shown",
		"Something went wrong on our side. Please try again in a moment.",
	}
	busy = notice{
		http.StatusServiceUnavailable, "This site is very busy",
		"The server cannot take more requests right now. Please try again in a moment.",
	}
	away = notice{
		http.StatusServiceUnavailable, "This page cannot be shown right now",
		"Something that this site needs does not answer. Please try again in a moment.",
	}
	late = notice{
		http.StatusGatewayTimeout, "This page took too long",
		"The server is very busy right now. Please try again in a moment.",
	}
)

type noticeView struct {
	Head head
	Text string
}

// renderNotices renders the notices. They are rendered once, at the start, so that they can be sent even if the server
// has no time or memory for a page.
func (s *site) renderNotices() (map[notice]*Page, error) {
	notices := map[notice]*Page{}
	for _, n := range []notice{missing, broken, busy, away, late} {
		view := noticeView{Head: s.head(n.title), Text: n.text}
		page, err := s.templates.render(context.Background(), n.status, "notice.html", view)
		if err != nil {
			return nil, err
		}
		notices[n] = page
	}
	return notices, nil
}
