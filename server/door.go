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
)

// scrapes is how many connections may ask for metrics at once, where those have a listener of their own.
const scrapes = 16

// door is an address that the program listens on, and what serves there.
type door struct {
	net.Listener
	server *edge.Server
}

// openDoors binds the addresses, so that one that cannot be had ends the start.
func (a *App) openDoors(ctx context.Context) error {
	a.metrics = newMetrics(a)
	public, err := a.routes()
	if err != nil {
		return err
	}
	o := a.edge(warnOfProxies(a.config.TrustedProxies, a.log, public))
	if err := a.openDoor(ctx, a.config.Listen, o); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if a.config.MetricsListen == "" {
		return nil
	}
	o = a.edge(a.metricsRoute())
	o.Connections, o.ConnectionsPerClient = scrapes, 0
	if err := a.openDoor(ctx, a.config.MetricsListen, o); err != nil {
		return fmt.Errorf("listening for those who collect metrics: %w", err)
	}
	a.log.Info("serving metrics", "address", a.doors[1].Addr().String())
	return nil
}

func (a *App) openDoor(ctx context.Context, address string, o edge.Options) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	a.doors = append(a.doors, &door{l, edge.New(o)})
	return nil
}

// edge gives what holds for every handler, whatever the address.
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
		Panicked: func(ctx context.Context, thrown any) { transport.LogPanic(ctx, a.log, thrown) },
		Now:      time.Now, Logger: a.log,
	}
	if a.config.RateLimits {
		o.ConnectionsPerClient = min(a.config.PerAddress, connections/2)
	}
	return o
}
