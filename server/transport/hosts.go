package transport

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"petitiond/server/errcode"
	"petitiond/server/transport/fault"
)

// OwnHosts returns a function that reports whether a Host, with or without a port, is the site itself: an address, a
// name that nobody can register, or the host of the site's URL. The owner of any other name can have it lead here, and
// browsers then take us for a part of their site (DNS rebinding) and show its pages whatever we answer. The log is told
// of each name that is refused.
func OwnHosts(site string, log *slog.Logger) func(host string) bool {
	public := ""
	if u, err := url.Parse(site); err == nil {
		public = hostName(u.Host)
	}
	refused := newRefusals(log, "host", "requests for another host were refused: PETITION_PUBLIC_URL does not name it")
	return func(host string) bool {
		name := hostName(host)
		_, err := netip.ParseAddr(name)
		own := err == nil || name == public || isUnregistrable(name)
		if !own && isHost(host) {
			refused.tell(name)
		}
		return own
	}
}

// hostName returns the name in a Host, of which there are several spellings: with a port, in capitals, with the dot
// that ends a name in full.
func hostName(host string) string {
	return strings.TrimSuffix(strings.ToLower((&url.URL{Host: host}).Hostname()), ".")
}

// unregistrable are the ends of names that have a meaning only on a machine or in its network: those that were set
// aside for that (RFC 6761, RFC 6762, RFC 8375, and ICANN for internal). What routers use besides, such as lan or
// fritz.box, was not, and some of it has been sold.
var unregistrable = []string{"localhost", "local", "internal", "test", "home.arpa"}

// isUnregistrable reports whether nobody can own a name: one with such an end, or a single word, as containers and
// services have. No host at all, as in HTTP/1.0, is none that somebody owns.
func isUnregistrable(name string) bool {
	return !strings.Contains(name, ".") ||
		slices.ContainsFunc(unregistrable, func(end string) bool { return strings.HasSuffix(name, "."+end) })
}

// misdirected refuses a request for a host that is not the site.
func misdirected(host string) *fault.Fault {
	return fault.New(http.StatusMisdirectedRequest, errcode.BadRequest, Misdirected(host))
}

// Misdirected tells how to reach a site that was asked under a host that is not its own.
func Misdirected(host string) string {
	asked, address := "the host that was asked for", "http://HOST:PORT"
	if isHost(host) {
		asked, address = "the host "+host, "http://"+host
	}
	return "This server does not know " + asked + ". Start it with PETITION_PUBLIC_URL=" + address +
		" to use another than localhost, an address, a name of one word, or one that ends with ." + strings.Join(unregistrable, ", .") + "."
}

// hostForm is what a name with or without a port looks like. Clients may send much else as a Host.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?$`)

// isHost reports whether a Host may be repeated in answers and in the log.
func isHost(host string) bool { return hostForm.MatchString(host) }
