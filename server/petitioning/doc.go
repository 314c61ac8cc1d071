// Package petitioning is the domain: who may open, edit, publish, sign and discuss petitions. Every rule stands here
// once; what a name, a tag or a body may look like stands in package text, and what each state allows in package state.
//
// Writes go through ent's writing client, which never leaves the package, and through the ledger for all that moves a
// count. What a rule must read it reads as everybody does, through package reading, as the actor who asks. The package
// knows nothing of GraphQL.
package petitioning
