// Package graph answers the fields of schema.graphqls. Its resolvers only translate: they read the arguments, call
// the domain, a reader or a loader once, and return. What may be done is decided in petitioning, what may be seen in
// reading.
//
// Rows that were read together load together: the first of them that is asked for something reads it for all
// (loader.go), over an edge that says what leads where (parents.go). What the statement of a row can read besides is
// looked ahead for (lookahead.go). Mutations answer with payloads, in which is told what a person can correct
// (payload.go, error.go). A subscription is a source that waits for news, takes the newest and marks it
// (subscriptions.go, eventid.go).
package graph
