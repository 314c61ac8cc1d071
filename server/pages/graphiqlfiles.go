package pages

import (
	"context"
	"net/http"
)

// cdn serves the files of npm packages unchanged.
const cdn = "https://cdn.jsdelivr.net/npm/"

// part is a file of GraphiQL.
type part struct {
	name      string // in assets
	path      string // in npm: package, version, file
	integrity string // its checksum, to protect visitors from a CDN that serves something else
}

// graphiqlScripts returns the scripts in the order in which they depend on each other. The versions are those of
// package.json.
func graphiqlScripts() []part {
	return []part{
		{
			"react.production.min.js", "react@18.3.1/umd/react.production.min.js",
			"sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
		},
		{
			"react-dom.production.min.js", "react-dom@18.3.1/umd/react-dom.production.min.js",
			"sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
		},
		{
			"graphiql.min.js", "graphiql@4.1.2/graphiql.min.js",
			"sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
		},
	}
}

// graphiqlStyle returns the style sheet.
func graphiqlStyle() part {
	return part{
		"graphiql.min.css", "graphiql@4.1.2/graphiql.min.css",
		"sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
	}
}

// link is a file as a page refers to it. A file on our own server needs no checksum.
type link struct {
	Address   string
	Integrity string
}

// workbench contains the links to the files of GraphiQL's page.
type workbench struct {
	style   link
	scripts []link
}

// newWorkbench links to the files on our own server if the build has all of them, else to all of them on the CDN.
func newWorkbench(files library) workbench {
	// All or none: files of two sources could be of versions that do not fit.
	find := files.link
	for _, p := range append(graphiqlScripts(), graphiqlStyle()) {
		if _, ok := files[p.name]; !ok {
			find = part.remote
		}
	}
	b := workbench{style: find(graphiqlStyle())}
	for _, p := range graphiqlScripts() {
		b.scripts = append(b.scripts, find(p))
	}
	return b
}

// remote links to the file on the CDN, with the checksum that the browser must check.
func (p part) remote() link { return link{Address: cdn + p.path, Integrity: p.integrity} }

// link links to the file on our own server.
func (l library) link(p part) link { return link{Address: l[p.name].address(p.name)} }

// contentPolicy returns the policy for GraphiQL's page, which is wider than that of the other pages: its dialogs insert
// style elements that depend on the window, so there is no checksum for them, and its style sheet contains fonts. Of
// the CDN it allows only the very files that the page needs.
func (b workbench) contentPolicy() string {
	scripts, styles := "'self'", "'self' 'unsafe-inline'"
	if b.style.Integrity != "" {
		styles += " " + b.style.Address
		for _, script := range b.scripts {
			scripts += " " + script.Address
		}
	}
	return contentPolicy(scripts, styles, "data:")
}

type graphiqlView struct {
	Head     head
	Style    link
	Scripts  []link
	Petition string
}

// workbench shows GraphiQL. If there is a petition, the operations in it work without being edited.
func (s *site) workbench(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, "/graphiql", func(ctx context.Context) (*Page, bool) {
		first, err := s.options.Petitions(ctx, "")
		if err != nil {
			return s.failed(ctx, r.Pattern, err)
		}
		view := graphiqlView{Head: s.head("GraphiQL"), Style: s.graphiql.style, Scripts: s.graphiql.scripts}
		if len(first.Cards) > 0 {
			view.Petition = first.Cards[0].ID
		}
		page, keep := s.shown(ctx, r.Pattern, "graphiql.html", view)
		if keep {
			page.policy = s.graphiql.contentPolicy()
		}
		return page, keep
	})
}
