package main

import (
	"petitiond/server/database"
	"petitiond/server/machine"
	"petitiond/server/settings"
	"petitiond/server/transport"
)

// memoryLimit returns how many bytes the program may take, or 0 where that is unknown.
func memoryLimit(config settings.Config) int64 {
	if config.Memory != 0 {
		return config.Memory
	}
	return machine.Memory() / 4 * 3
}

// heapLimit returns how much of that is left for Go's heap. SQLite keeps pages of its file outside of it.
func heapLimit(config settings.Config) int64 {
	return max(0, memoryLimit(config)-databaseOptions(config).Caches(config.DatabaseURL))
}

// databaseOptions are those with which the program opens its database.
func databaseOptions(config settings.Config) database.Options {
	options := config.Database
	options.Memory = memoryLimit(config)
	return options
}

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
	connections = min(c.Connections, max(8, descriptors/4))
	return connections, min(c.Limits.Sockets, max(1, descriptors-500-connections))
}
