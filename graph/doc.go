// Package graph answers the fields of schema.graphqls. Its resolvers only translate: they read the arguments, call
// the domain or a loader once, and return. What may be done and who may see it is decided in petitioning.
package graph
