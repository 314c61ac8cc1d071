package main

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// addressFrom returns a function that reports whose request it is: of those who passed it on, from the last to the
// first, the first whom nobody vouches for. Only what a trusted proxy has written is believed, since anybody can send
// an X-Forwarded-For; what stands left of the first stranger is his own word.
func addressFrom(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	vouched := vouching(trusted)
	return func(r *http.Request) netip.Addr {
		address, _ := parseAddress(r.RemoteAddr)
		// Several lines are one list.
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		// From the right, where the nearest proxy has written.
		for i := len(hops) - 1; i >= 0 && vouched(address); i-- {
			hop, ok := parseAddress(strings.TrimSpace(hops[i]))
			if !ok {
				break // the proxy that passed on such a thing is the last that is known
			}
			address = hop
		}
		return address
	}
}

// vouching returns a function that reports whether an address is that of a trusted proxy.
func vouching(trusted []netip.Prefix) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
}

// warnOfProxies warns once if requests come by a proxy that nobody named, and once if one that is named says in headers
// that are not read whose request it is. All its clients count as one address then, which has far less than all of them
// need. It may also be a client that pretends: whose address it is, is not told.
func warnOfProxies(trusted []netip.Prefix, log *slog.Logger, next http.Handler) http.Handler {
	vouched := vouching(trusted)
	var stranger, silent atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The names are those that net/http keeps.
		read, other := len(r.Header["X-Forwarded-For"]) > 0, len(r.Header["Forwarded"])+len(r.Header["X-Real-Ip"]) > 0
		// Once each has been said nothing is parsed any more.
		if read && !stranger.Load() || other && (!stranger.Load() || !silent.Load()) {
			peer, _ := parseAddress(r.RemoteAddr)
			switch {
			case !vouched(peer) && stranger.CompareAndSwap(false, true):
				log.Warn("a request was forwarded by a proxy that PETITION_TRUSTED_PROXIES does not name: " +
					"if it is yours, name it there, since all its clients count as one address")
			case vouched(peer) && !read && silent.CompareAndSwap(false, true):
				log.Warn("a proxy that PETITION_TRUSTED_PROXIES names sends Forwarded or X-Real-IP, but no X-Forwarded-For, which " +
					"alone is read: let it send that, since all its clients count as one address")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// parseAddress reads an address that may have a port, in the one form that it is compared in.
func parseAddress(text string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
