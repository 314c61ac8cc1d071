// Package turns shares what is scarce among networks, so that one of them that asks for much does not keep the others
// waiting. A [Queue] has a few places, and those who want one ask under a context that says for which networks they do:
// that of a request, or those of all who will have the result. A network is what counts as one address in limits.
//
// It knows nothing of what the places are for: operations that run, events that are read, connections to a database.
package turns
