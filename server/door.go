package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"petitiond/server/edge"
	"petitiond/server/transport"
	"petitiond/server/transport/trace"
)

// scrapes is how many connections may ask for metrics at once, where those have a listener of their own.
const scrapes = 16

// door is an address that the program listens on, and what serves there.
type door struct {
	net.Listener

	server *edge.Server // nil until it is furnished
}

// bind takes the addresses, before anything is done to the database: one that cannot be had ends the start.
func (a *App) bind(ctx context.Context, config Config) error {
	if err := a.take(ctx, "PETITION_LISTEN", config.Listen); err != nil || config.MetricsListen == "" {
		return err
	}
	return a.take(ctx, "PETITION_METRICS_LISTEN", config.MetricsListen)
}

func (a *App) take(ctx context.Context, setting, address string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", setting, err)
	}
	a.doors = append(a.doors, &door{Listener: l})
	return nil
}

// furnish says what serves at the addresses.
func (a *App) furnish() error {
	public, err := a.routes()
	if err != nil {
		return err
	}
	a.doors[0].server = edge.New(a.edge(warnOfProxies(a.config.TrustedProxies, a.log, public)))
	if len(a.doors) == 1 {
		return nil
	}
	o := a.edge(a.metricsRoute())
	o.Connections, o.ConnectionsPerClient = scrapes, 0
	a.doors[1].server = edge.New(o)
	a.log.Info("serving metrics", "address", a.doors[1].Addr().String())
	return nil
}

// edge returns what holds for every handler, whatever the address.
func (a *App) edge(handler http.Handler) edge.Options {
	vouched := vouching(a.config.TrustedProxies)
	connections, _ := divide(a.config, descriptors())
	o := edge.Options{
		Handler: handler, BodyTime: a.config.Limits.Read, AnswerTime: a.config.Limits.Write,
		Connections: connections,
		Client: func(address netip.Addr) netip.Prefix {
			if vouched(address) {
				return netip.Prefix{} // a proxy brings everybody
			}
			return transport.Network(address)
		},
		Panicked: func(ctx context.Context, thrown any) { trace.LogPanic(ctx, a.log, thrown) },
		Now:      time.Now, Logger: a.log,
	}
	if a.config.RateLimits {
		o.ConnectionsPerClient = min(a.config.PerAddress, connections/2)
	}
	return o
}
