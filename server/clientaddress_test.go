package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.7/32")}
	tests := []struct {
		name      string
		trusted   []netip.Prefix
		peer      string
		forwarded []string // lines of X-Forwarded-For
		want      string
	}{
		{name: "Direct", trusted: proxies, peer: "198.51.100.1:4711", want: "198.51.100.1"},
		{name: "DirectSix", trusted: proxies, peer: "[2001:db8::1]:4711", want: "2001:db8::1"},
		{name: "Mapped", trusted: proxies, peer: "[::ffff:198.51.100.1]:4711", want: "198.51.100.1"},
		{name: "Zone", trusted: proxies, peer: "[fe80::1%eth0]:4711", want: "fe80::1"},
		{name: "Socket", trusted: proxies, peer: "@", want: "invalid IP"},

		{name: "StrangerSpoofs", trusted: proxies, peer: "198.51.100.1:4711", forwarded: []string{"203.0.113.9"}, want: "198.51.100.1"},
		{name: "NobodyTrusted", peer: "10.0.0.1:4711", forwarded: []string{"203.0.113.9"}, want: "10.0.0.1"},
		{name: "Proxy", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"203.0.113.9"}, want: "203.0.113.9"},
		{name: "ProxySix", trusted: proxies, peer: "[fd00::1]:4711", forwarded: []string{"2001:db8::9"}, want: "2001:db8::9"},
		{name: "MappedProxy", trusted: proxies, peer: "[::ffff:10.0.0.1]:4711", forwarded: []string{"::ffff:203.0.113.9"}, want: "203.0.113.9"},
		{name: "ClientSpoofsBehindProxy", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"1.1.1.1, 203.0.113.9"}, want: "203.0.113.9"},
		{name: "ClientSpoofsAProxy", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"1.1.1.1, 10.0.0.2, 203.0.113.9"}, want: "203.0.113.9"},
		{name: "ClientSpoofsALine", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"1.1.1.1", "203.0.113.9"}, want: "203.0.113.9"},
		{name: "TwoProxies", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"203.0.113.9, 192.0.2.7"}, want: "203.0.113.9"},
		{name: "TwoLines", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"203.0.113.9", "192.0.2.7"}, want: "203.0.113.9"},
		{name: "NeighbourOfAProxy", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"203.0.113.9, 192.0.2.8"}, want: "192.0.2.8"},
		{name: "AllTrusted", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"10.0.0.3, 10.0.0.2"}, want: "10.0.0.3"},
		{name: "Nothing", trusted: proxies, peer: "10.0.0.1:4711", want: "10.0.0.1"},
		{name: "Empty", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{""}, want: "10.0.0.1"},
		{name: "Garbage", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"203.0.113.9, unknown"}, want: "10.0.0.1"},
		{name: "GarbageFarther", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"unknown, 203.0.113.9"}, want: "203.0.113.9"},
		{name: "Port", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"203.0.113.9:1234"}, want: "203.0.113.9"},
		{name: "PortSix", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"[2001:db8::9]:1234"}, want: "2001:db8::9"},
		{name: "Brackets", trusted: proxies, peer: "10.0.0.1:4711", forwarded: []string{"[2001:db8::9]"}, want: "2001:db8::9"},
	}
	for _, test := range tests {
		r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		// What other proxies use is not believed from anybody.
		r.Header.Set("X-Real-IP", "1.1.1.1")
		r.Header.Set("Forwarded", "for=1.1.1.1")
		if got := addressFrom(test.trusted)(r).String(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// A proxy that nobody named is warned of once, by the name of the setting and without an address; and so is a named one
// that does not say whose requests it forwards in the header that is read.
func TestWarnOfProxies(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	tests := []struct {
		name         string
		peer, header string
		warning      string // a part of it
	}{
		{"Direct", "198.51.100.1:4711", "", ""},
		{"OtherHeader", "198.51.100.1:4711", "X-Forwarded-Host", ""},
		{"Named", "10.0.0.1:4711", "X-Forwarded-For", ""},
		{"NamedMapped", "[::ffff:10.0.0.1]:4711", "X-Forwarded-For", ""},
		{"NamedWithAll", "10.0.0.1:4711", "X-Forwarded-For X-Real-IP Forwarded", ""},
		{"NamedWithNothing", "10.0.0.1:4711", "", ""}, // as those send that ask whether the server is well
		{"NamedRealIP", "10.0.0.1:4711", "X-Real-IP", "no X-Forwarded-For"},
		{"NamedForwarded", "10.0.0.1:4711", "Forwarded", "no X-Forwarded-For"},
		{"Stranger", "198.51.100.1:4711", "X-Forwarded-For", "does not name"},
		{"StrangerSix", "[2001:db8::1]:4711", "X-Forwarded-For", "does not name"},
		{"Loopback", "127.0.0.1:4711", "x-forwarded-for", "does not name"},
		{"RealIP", "198.51.100.1:4711", "X-Real-IP", "does not name"},
		{"Forwarded", "198.51.100.1:4711", "Forwarded", "does not name"},
	}
	for _, test := range tests {
		var log bytes.Buffer
		served := 0
		h := warnOfProxies(proxies, slog.New(slog.NewTextHandler(&log, nil)),
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
		for range 3 {
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.RemoteAddr = test.peer
			for _, header := range strings.Fields(test.header) {
				r.Header.Set(header, "203.0.113.9")
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		lines := strings.Count(log.String(), "PETITION_TRUSTED_PROXIES")
		if (test.warning != "") != (lines == 1) || lines > 1 || served != 3 || !strings.Contains(log.String(), test.warning) {
			t.Errorf("%s: %d warnings for %d requests: %s", test.name, lines, served, &log)
		}
		if strings.Contains(log.String(), "203.0.113.9") || strings.Contains(log.String(), "4711") {
			t.Errorf("%s: the log has an address: %s", test.name, &log)
		}
	}
}
