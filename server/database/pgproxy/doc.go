// Package pgproxy stands between the program and PostgreSQL in tests, and does what networks and servers do at the
// worst moment: it cuts a connection before, within or after a message, keeps bytes back, falls silent, forgets
// connections, or is away. It knows where the messages of the protocol begin and end.
package pgproxy
