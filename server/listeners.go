package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"petitiond/server/httpserver"
	"petitiond/server/machine"
	"petitiond/server/settings"
	"petitiond/server/transport"
	"petitiond/server/transport/requestid"
)

// scrapes is how many connections may ask for metrics at once, where those have a listener of their own.
const scrapes = 16

// door is an address that the program listens on, and what serves there.
type door struct {
	net.Listener

	server *httpserver.Server // nil until it is furnished
}

// url returns the base of links for those whose settings have none: the address that the setting names, with the port
// that is listened on.
func (d *door) url(setting string) string {
	_, port, _ := net.SplitHostPort(d.Addr().String())
	return localURL(setting, port)
}

// localURL returns the base of links to an address of the settings, which they have judged. What listens on all
// addresses of this machine is reached by localhost, as is the first loopback.
func localURL(setting, port string) string {
	host, _, _ := net.SplitHostPort(setting)
	ip, _ := netip.ParseAddr(host)
	if host == "" || ip.Unmap().IsUnspecified() || ip.Unmap() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		host = "localhost"
	}
	base := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
	// Port 0 is any, and nobody knows which.
	return strings.TrimSuffix(strings.TrimSuffix(base.String(), ":80"), ":0")
}

// openDoors opens the addresses of the settings.
func openDoors(ctx context.Context, config settings.Config) (doors []*door, err error) {
	for _, wanted := range []struct{ setting, address string }{
		{"PETITION_LISTEN", config.Listen}, {"PETITION_METRICS_LISTEN", config.MetricsListen},
	} {
		if wanted.address == "" {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", wanted.address)
		if err != nil {
			return doors, fmt.Errorf("%s: %w", wanted.setting, err)
		}
		doors = append(doors, &door{Listener: l})
	}
	return doors, nil
}

// tryAddresses fails where an address cannot be had, and leaves none open: those who connect before there is somebody
// to serve them are refused at once and do not wait.
func tryAddresses(ctx context.Context, config settings.Config) error {
	doors, err := openDoors(ctx, config)
	for _, d := range doors {
		err = errors.Join(err, d.Close())
	}
	return err
}

// furnish says what serves at the addresses.
func (a *App) furnish() error {
	public, err := a.routes()
	if err != nil {
		return err
	}
	a.doors[0].server = httpserver.New(a.edge(warnOfProxies(a.config.TrustedProxies, a.log, public)))
	// Metrics are then a route of the public address, or nowhere.
	if len(a.doors) == 1 {
		return nil
	}
	// An address for machines of the operator: few connections, and none of them is counted against the others.
	o := a.edge(a.metricsRoute())
	o.Connections, o.ConnectionsPerClient = scrapes, 0
	a.doors[1].server = httpserver.New(o)
	return nil
}

// edge returns what holds for every handler, whatever the address.
func (a *App) edge(handler http.Handler) httpserver.Options {
	vouched := vouching(a.config.TrustedProxies)
	connections, _ := divide(a.config, machine.Descriptors())
	o := httpserver.Options{
		Handler: handler, BodyTime: a.config.Limits.Read, AnswerTime: a.config.Limits.Write,
		Connections: connections,
		Client: func(address netip.Addr) netip.Prefix {
			if vouched(address) {
				return netip.Prefix{} // a proxy brings everybody
			}
			return transport.Network(address)
		},
		Panicked: func(ctx context.Context, thrown any) { requestid.LogPanic(ctx, a.log, thrown) },
		// Lengths of time are measured by it, and nothing that is stored.
		Now: time.Now, Logger: a.log,
	}
	// Never more than half: with all of them one client could keep everybody else out.
	if a.config.RateLimits {
		o.ConnectionsPerClient = min(a.config.PerAddress, connections/2)
	}
	return o
}
