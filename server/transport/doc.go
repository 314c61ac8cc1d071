// Package transport owns how GraphQL travels: over HTTP as the
// GraphQL-over-HTTP specification says, as server-sent events, and over
// WebSocket as graphql-transport-ws. It decides what is taken in (media types,
// sizes), who is asking (by calling back), and how an answer is sent (media
// type, status, protocol error codes).
//
// An operation comes in over http.go, is judged by package operation, and is
// run by runner.go with engine.go, as soon as admission.go has a place for it.
// What a query without a credential is answered with is shared: share.go,
// answer.go. websocket.go, sse.go and stream.go open connections that stay,
// which package connection keeps; host.go runs what clients ask for over them.
// Below are packages for one matter each: credential knows whose credential is
// whose, fault what is wrong with a request, trace by which id it is logged,
// socket speaks WebSocket, and epoll keeps connections that mostly wait.
//
// It knows gqlgen and nothing of petitions: domain errors arrive already
// presented, and those who ask are only contexts to it. No query text, variable
// or credential is logged or repeated in an error.
package transport
