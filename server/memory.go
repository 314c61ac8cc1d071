package main

import (
	"petitiond/server/database"
	"petitiond/server/machine"
	"petitiond/server/settings"
)

// memoryLimit returns how many bytes the program may take, or 0 where that is unknown.
func memoryLimit(config settings.Config) int64 {
	if config.Memory != 0 {
		return config.Memory
	}
	// The rest is for the system, for connections in the kernel, and for a database on the same machine.
	return machine.Memory() / 4 * 3
}

// heapLimit returns how much of that is left for Go's heap.
func heapLimit(config settings.Config) int64 {
	return memoryLimit(config) - databaseOptions(config).OffHeap(config.DatabaseURL)
}

// databaseOptions are those with which the program opens its database.
func databaseOptions(config settings.Config) database.Options {
	options := config.Database
	options.Memory = memoryLimit(config)
	return options
}
