// Package socket owns what is said over a WebSocket: the frames of RFC 6455
// as a server reads and writes them, without extensions, and the server's side
// of graphql-transport-ws on top of them.
//
// It does no I/O and keeps no goroutine, timer or lock. Bytes come in, events
// come out, and replies are appended to byte slices, so that one loop can
// serve any number of connections with one buffer, and all of it can be fuzzed
// by itself. Between messages a [Reader] and a [Session] hold no buffer.
//
// It knows neither GraphQL nor HTTP beyond headers: what an operation is, who
// asks, and how long anyone may take is decided by who feeds it.
package socket
