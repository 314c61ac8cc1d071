package main

import (
	"petitiond/server/machine"
	"petitiond/server/settings"
	"petitiond/server/transport"
)

// limits returns the limits of the transport, as the settings and the system allow.
func (a *App) limits() transport.Limits {
	l := a.config.Limits
	// Zero is no limit.
	if !a.config.RateLimits {
		l.SocketsPerAddress = 0
	}
	_, most := divide(a.config, machine.Descriptors())
	l.Sockets = min(l.Sockets, most)
	return l
}

// divide returns how many plain connections and sockets there may be, as the settings and the system allow. What is
// left is for the database and files, and for what comes and goes.
func divide(c settings.Config, descriptors int) (connections, sockets int) {
	// At least a few in any case, or nobody could even be told that there is no room.
	connections = min(c.Connections, max(8, descriptors/4))
	return connections, min(c.Limits.Sockets, max(1, descriptors-500-connections))
}
