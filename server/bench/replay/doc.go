// Replay signs one petition 6,103,056 times, as often as the British one of 2019 to revoke Article 50 was signed, as
// fast as possible. Then it checks whether every figure is exact. It drives the built server over HTTP and GraphQL, on
// PostgreSQL and on SQLite with durable commits, while a hundred subscriptions watch the count over server-sent events.
// After each twenty signatures an address that has signed, or is signing at that very moment, is sent again with
// another spelling, name and key.
//
// After the last answer, every subscription must receive the last value, and none may have seen a value decrease. Then
// the server is stopped, the rows are compared with every figure, first by plain SQL and then by petitiond recount, and
// a table is printed. The exit code is 1 unless everything is exact. It starts everything that it needs, and leaves
// nothing behind:
//
//	go run ./server/bench/replay
package main
