// Package transport owns how GraphQL travels: over HTTP as the
// GraphQL-over-HTTP specification says, as server-sent events, and over
// WebSocket as graphql-transport-ws. It decides what is taken in (media types,
// sizes), who is asking (by calling back), and how an answer is sent (media
// type, status, protocol error codes).
//
// An operation comes in over http.go, websocket.go, sse.go or stream.go, is
// judged by package operation, and is run by engine.go.
// What a query without a credential is answered with is shared: share.go,
// answer.go. A subscription is a feed that many lines read: feed.go, line.go; lines.go
// looks after the lines, credential.go asks again for the credentials that are
// borne on them, and dispatch.go writes to them. Below are three packages
// without any knowledge of GraphQL: wire keeps connections, socket speaks
// WebSocket, strict reads over JSON before it is decoded.
//
// It knows gqlgen and nothing of petitions: domain errors arrive already
// presented, and whoever asks is only a context to it. No query text, variable
// or credential is logged or repeated in an error.
package transport
