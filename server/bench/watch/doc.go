//go:build linux

// Watch compares three ways to tell a crowd of a count that moves, side by side in one run on one machine:
//
//	server  the whole program, over graphql-transport-ws
//	stock   gqlgen's own transport on the same schema, domain and hub (server/bench/watch/stock)
//	tcp     a loop that writes the same bytes to plain connections: what the kernel takes by itself
//
// for one process, for several on one database, and for sockets with ten operations each. The count moves by
// signatures over HTTP, at a pace at which the hub tells each of them at once. Of each way it tells the resident memory
// of a watcher before and after updates, the values delivered for a second of processor time, the time from a commit
// to a watcher, and whether all had the last value. Run it on a machine that does nothing else:
//
//	go run ./server/bench/watch
//
// Those who watch are processes of this program with as many sockets as a process may have, and one thread that
// reads them all: they leave the cores to the servers.
package main
