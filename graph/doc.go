// Package graph answers the fields of schema.graphqls. Its resolvers only translate: they read the arguments, call
// the domain, a reader or a loader once, and return. What may be done is decided in petitioning, what may be seen in
// reading.
package graph
