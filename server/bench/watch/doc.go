//go:build linux

// Watch compares three ways to send a changing count to a crowd of watchers, side by side in one run on one machine:
//
//	server  the whole program, over graphql-transport-ws
//	stock   gqlgen's own transport on the same schema, domain and hub (server/bench/watch/stock)
//	tcp     a loop that writes the same bytes to plain connections: what the kernel alone needs
//
// for one process, for several on one database, and for sockets with ten operations each. The count changes by
// signatures over HTTP, at a pace at which the hub sends each change at once. For each way it reports the resident
// memory per watcher before and after updates, the values delivered per second of processor time, the time from a
// commit to a watcher, and whether all have received the last value. Run it on a machine that does nothing else:
//
//	go run ./server/bench/watch
//
// The watchers are processes of this program with as many sockets as a process may have, and one thread that reads them
// all: they leave the cores to the servers.
package main
