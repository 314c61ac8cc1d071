package settings

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// setOrigins takes origins as browsers send them, letter by letter, since one that is written otherwise is equal to
// none; a star stands for all.
func setOrigins(c *Config, v string) error {
	for _, origin := range list(v) {
		if origin != "*" {
			if err := checkOrigin(origin); err != nil {
				return err
			}
		}
		c.AllowedOrigins = append(c.AllowedOrigins, origin)
	}
	return nil
}

// checkOrigin says how to write an origin that no browser would send.
func checkOrigin(origin string) error {
	// The order of the cases is that of what helps most: a star is taken for a pattern before it is a wrong host.
	u, err := url.Parse(origin)
	beyondASCII := func(r rune) bool { return r > unicode.MaxASCII }
	switch {
	case strings.Contains(origin, "*"):
		return errors.New("has a pattern, which matches nothing; write each origin by itself, such as https://www.example.org, " +
			"and * for the pages of all sites, which may then read")
	case strings.ContainsFunc(origin, beyondASCII):
		return errors.New("must have names beyond ASCII as browsers send them, such as https://xn--bcher-kva.example")
	case strings.ToLower(origin) != origin:
		return errors.New("must be written in small letters, as browsers send it")
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || !isHost(u.Hostname()) || origin != u.Scheme+"://"+u.Host:
		return errors.New("must be origins such as https://example.org, without a path or a slash at the end, or *")
	case origin != OriginOf(u):
		return errors.New("must not have the port 443 of https or 80 of http, since browsers leave it out")
	case !isSentPort(u) || !isSentHost(u.Hostname()):
		return errors.New("must have ports and numeric addresses as browsers send them, such as http://192.0.2.1:8080 " +
			"or http://[2001:db8::1]:8080")
	}
	return nil
}

// OriginOf returns the origin of an address as browsers send it: in small letters, without the port that its scheme has
// anyway.
func OriginOf(u *url.URL) string {
	// As in RFC 6454, by which browsers compare origins letter by letter.
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

// isSentPort reports whether there is no port, or one as browsers write it.
func isSentPort(u *url.URL) bool {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return !strings.HasSuffix(u.Host, ":") && (u.Port() == "" || err == nil && strconv.FormatUint(port, 10) == u.Port())
}

// isHost reports whether a host may be the name of one, or an address: labels of letters, digits, hyphens and
// underscores between dots. Letters beyond ASCII are left to those who resolve it.
func isHost(host string) bool {
	if strings.Contains(host, ":") {
		_, err := netip.ParseAddr(host)
		return err == nil
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		strange := func(r rune) bool { return r <= unicode.MaxASCII && !strings.ContainsRune(labelLetters, r) }
		if label == "" || strings.ContainsFunc(label, strange) {
			return false
		}
	}
	return true
}

const labelLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// isSentHost reports whether a host is a name, or an address in the one form that browsers send. They take every name
// that ends with a number for an address, and rewrite it.
func isSentHost(host string) bool {
	last := host[strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')+1:]
	_, err := strconv.ParseUint(strings.TrimSuffix(last, "."), 0, 64)
	// Without a number at its end it is a name, and without a colon no IPv6 address.
	if err != nil && !strings.Contains(host, ":") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.String() == host && address.Zone() == ""
}
