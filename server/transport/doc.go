// Package transport serves GraphQL over HTTP (as the GraphQL-over-HTTP specification says), as server-sent events, and
// over WebSocket (graphql-transport-ws). It decides what is accepted (media types, sizes), who is asking (through a
// callback), and how an answer is sent (media type, status, protocol error codes).
//
// A request arrives in http.go; request.go reads it and finds who sends it, and origin.go says what the page may do
// that sends it; package operation checks the operation and prices it; runner.go runs it with engine.go when it is
// its turn (turns.go). Answers of queries without a credential are shared (sharedanswers.go, answer.go).
// websocket.go, eventstreams.go and reservedstream.go open long-lived connections, which package connection keeps;
// connectionhost.go runs what clients ask for over them. The packages below have one job each: credential finds whose
// credential a request carries, fault describes refused requests, requestid identifies requests in the log, socket
// implements WebSocket frames and messages, and epoll watches idle connections.
//
// It knows gqlgen and nothing of petitions: domain errors arrive already presented, and a caller's identity is just a
// context. No query text, variable or credential is ever logged or repeated in an error.
package transport
