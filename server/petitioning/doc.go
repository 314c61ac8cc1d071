// Package petitioning has the rules of the domain: who may open, edit, publish, sign and discuss petitions. Package
// text has the rules for names, tags and bodies, and package state has what each state allows.
//
// Writes go through ent's writing client, which is never passed out of the package, and through the ledger for
// everything that changes a count. What a rule needs to read, it reads through package reading as the actor. The
// package knows nothing of GraphQL.
package petitioning
