// Package pgproxy sits between the program and PostgreSQL in tests and does what networks and servers do at the worst
// moment: it cuts a connection before, within or after a message, holds bytes back, falls silent, resets connections,
// or is unreachable. It knows the protocol well enough to tell where each message begins and ends.
package pgproxy
