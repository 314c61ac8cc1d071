package main

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addressFrom gives a function that tells whose request it is: of those who passed it on, from the last to the first,
// the first whom nobody vouches for. Only what a trusted proxy has written is believed, since anybody can send an
// X-Forwarded-For; what stands left of the first stranger is his own word.
func addressFrom(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	vouched := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return func(r *http.Request) netip.Addr {
		address, _ := parseAddress(r.RemoteAddr)
		// Several lines are one list.
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
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

// parseAddress reads an address that may have a port, in the one form that it is compared in.
func parseAddress(text string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
