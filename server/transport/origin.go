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
	refused  refusedOrigins
}

// newOrigins takes the star out of the list, as it is no origin.
func newOrigins(o Options) *origins {
	named := slices.DeleteFunc(slices.Clone(o.AllowedOrigins), func(origin string) bool { return origin == anyOrigin })
	return &origins{
		named: named, all: len(named) < len(o.AllowedOrigins), loopback: o.LoopbackOrigins,
		refused: refusedOrigins{told: map[string]bool{}, log: o.Logger},
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
	o.refused.tell(r.Header.Get("Origin"))
	return nothing
}

// OwnHosts returns a function that reports whether a Host, with or without a port, is the site itself: an address, a
// name that nobody can register, or the host of the site's URL. The owner of any other name can have it lead here, and
// browsers then take us for a part of their site (DNS rebinding) and show its pages whatever we answer.
func OwnHosts(site string) func(host string) bool {
	public := ""
	if u, err := url.Parse(site); err == nil {
		public = strings.ToLower(u.Hostname())
	}
	return func(host string) bool {
		name := strings.ToLower((&url.URL{Host: host}).Hostname())
		_, err := netip.ParseAddr(name)
		return err == nil || name == public || isUnregistrable(name)
	}
}

// isUnregistrable reports whether a name has a meaning only on a machine or in its network: a single word, as
// containers and services have, or a name below one that was set aside for that (RFC 6761, RFC 6762, and ICANN for
// internal). No host at all, as in HTTP/1.0, is none that somebody owns.
func isUnregistrable(name string) bool {
	top := name[strings.LastIndexByte(name, '.')+1:]
	return top == name || slices.Contains([]string{"localhost", "local", "internal", "test"}, top)
}

// misdirected refuses a request for a host that is not the site.
func misdirected() *fault.Fault {
	return fault.New(http.StatusMisdirectedRequest, errcode.BadRequest, Misdirected)
}

// Misdirected tells how to reach a site that was asked under a host that is not its own.
const Misdirected = "This server is reached by localhost, by an address or by a name of the local network. " +
	"To use another host, set PETITION_PUBLIC_URL to it."

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

// refusedOrigins logs the name of each origin whose pages were refused, once. It remembers a hundred of them. If there
// are more, as when somebody makes them up, it says nothing for the rest of the hour, and then begins again.
type refusedOrigins struct {
	log *slog.Logger

	mu    sync.Mutex // guards what follows
	told  map[string]bool
	since time.Time // when told was empty
}

const (
	mostRefused = 100
	longestName = 300 // bytes of an origin; names of hosts have at most 253
)

// tell logs an origin.
func (o *refusedOrigins) tell(origin string) {
	if !isOrigin(origin) {
		return // a browser would not send it, and it is not for our log
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.told) >= mostRefused && now().Sub(o.since) >= time.Hour {
		clear(o.told)
	}
	if o.told[origin] || len(o.told) >= mostRefused {
		return
	}
	if len(o.told) == 0 {
		o.since = now()
	}
	o.told[strings.Clone(origin)] = true
	o.log.Warn("pages of another origin were refused: PETITION_ALLOWED_ORIGINS does not name it", "origin", origin)
}

// isOrigin reports whether a text is an origin as a browser sends it: a scheme and a host, or null.
func isOrigin(text string) bool {
	scheme, host, ok := strings.Cut(text, "://")
	return text == "null" || ok && scheme != "" && host != "" && len(text) <= longestName && !strings.ContainsFunc(scheme+host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("+.-_:[]", r)
	})
}
