package transport

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/errcode"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
)

// anyOrigin stands for all sites among Options.AllowedOrigins.
const anyOrigin = "*"

// rights are what the page that a request comes from may do. Browsers name its origin; a client that names none is not
// a page of another site.
type rights int

const (
	nothing rights = iota // its browser keeps the answers from it
	reads                 // queries and subscriptions
	writes                // everything
)

// forbid refuses an operation that changes something to a page that may only read. Pages that may do nothing are not
// refused here: their browsers ask before, and they get no socket.
func (r rights) forbid(kind ast.Operation) *fault.Fault {
	if r == reads && kind == ast.Mutation {
		return fault.New(http.StatusForbidden, errcode.Forbidden,
			"Pages of this origin may read, but not change anything. The site's operator can allow it to them by name.")
	}
	return nil
}

// origins decides what pages of other sites may do.
//
// Nobody is known by a cookie, so a page can do no more in the name of its visitors than a program could: all may be
// allowed to read. To change something is another matter, since the address that it comes from is that of the visitor.
// A page that many visit could sign from the addresses of all of them, and only pages of named origins may.
type origins struct {
	named    []string
	all      bool // others may read
	loopback bool // pages of this machine may do everything
	refused  *refusals
}

// newOrigins takes the star out of the list, as it is no origin.
func newOrigins(o Options) *origins {
	named := slices.DeleteFunc(slices.Clone(o.AllowedOrigins), func(origin string) bool { return origin == anyOrigin })
	return &origins{
		named: named, all: len(named) < len(o.AllowedOrigins), loopback: o.LoopbackOrigins,
		refused: newRefusals(o.Logger, "origin",
			"pages of another origin were refused: PETITION_ALLOWED_ORIGINS does not name it"),
	}
}

// of returns what the page that a request comes from may do.
func (o *origins) of(r *http.Request) rights {
	origin := r.Header.Get("Origin")
	switch {
	case origin == "", slices.Contains(o.named, origin):
		return writes
	case origin == "null": // of a file, or of a page that hides where it is from
		return o.others(r)
	}
	page, err := url.Parse(origin)
	// The scheme is not compared: behind a proxy that ends TLS, we do not know our own.
	if err == nil && page.Host != "" && (strings.EqualFold(page.Host, r.Host) || o.loopback && isLoopback(page.Hostname())) {
		return writes
	}
	return o.others(r)
}

// others returns what a page may do whose origin is not named.
func (o *origins) others(r *http.Request) rights {
	if o.all {
		return reads
	}
	if origin := r.Header.Get("Origin"); isOrigin(origin) { // a browser sends no other, and it is not for our log
		o.refused.tell(origin)
	}
	return nothing
}

// isLoopback reports whether a host is the machine itself.
func isLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// share lets pages of other sites read answers. They may send any header.
func (o *origins) share(next http.Handler) http.Handler {
	options := cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, _ string) (bool, []string) { return o.of(r) >= reads, nil },
		AllowedMethods:             []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders:             []string{"*"},
		ExposedHeaders:             []string{requestid.Header, "Retry-After", cacheStatusHeader},
		MaxAge:                     int((10 * time.Minute).Seconds()),
	}
	if o.all {
		// The same answer for every page, which caches understand.
		options.AllowOriginVaryRequestFunc, options.AllowedOrigins = nil, []string{anyOrigin}
	}
	return cors.New(options).Handler(next)
}

// refusals logs the name of each origin or host that was refused, once. It remembers a hundred of them. If there are
// more, as when somebody makes them up, it says nothing for the rest of the hour, and then begins again.
type refusals struct {
	kind, text string // of the line: what has that name, and what has happened
	log        *slog.Logger

	mu    sync.Mutex // guards what follows
	told  map[string]bool
	since time.Time // when told was empty
}

func newRefusals(log *slog.Logger, kind, text string) *refusals {
	return &refusals{kind: kind, text: text, log: log, told: map[string]bool{}}
}

const (
	mostRefused = 100
	longestName = 300 // bytes of an origin; names of hosts have at most 253
)

// tell logs a name, which may be anybody's: the caller sees that it is fit for a log.
func (o *refusals) tell(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.told) >= mostRefused && now().Sub(o.since) >= time.Hour {
		clear(o.told)
	}
	if o.told[name] || len(o.told) >= mostRefused {
		return
	}
	if len(o.told) == 0 {
		o.since = now()
	}
	o.told[strings.Clone(name)] = true
	o.log.Warn(o.text, o.kind, name)
}

// isOrigin reports whether a text is an origin as a browser sends it: a scheme and a host, or null.
func isOrigin(text string) bool {
	scheme, host, ok := strings.Cut(text, "://")
	return text == "null" || ok && scheme != "" && host != "" && len(text) <= longestName && !strings.ContainsFunc(scheme+host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("+.-_:[]", r)
	})
}
