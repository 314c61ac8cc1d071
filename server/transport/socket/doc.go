// Package socket implements WebSocket for a server: the frames of RFC 6455, without extensions, and the server's side
// of graphql-transport-ws on top of them.
//
// It does no I/O and has no goroutine, timer or lock. Bytes come in, events come out, and replies are appended to byte
// slices. One loop can therefore serve any number of connections with one buffer, and everything can be fuzzed in
// isolation. Between messages a [Reader] and a [Session] hold no buffer.
//
// It knows nothing of GraphQL, and of HTTP only headers: what an operation is, who is asking, and how long anything may
// take is up to the caller.
package socket
