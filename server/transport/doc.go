// Package transport owns how GraphQL travels: over HTTP as the
// GraphQL-over-HTTP specification says, as server-sent events, and over
// WebSocket as graphql-transport-ws. It decides what is taken in (media types,
// sizes, the guard before validation), who is asking (by calling back), and
// how an answer is said (media type, status, protocol error codes).
//
// It knows gqlgen and nothing of petitions: domain errors arrive already
// presented, and whoever asks is only a context to it. No query text, variable
// or credential is logged or repeated in an error.
package transport
