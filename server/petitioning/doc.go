// Package petitioning has the rules of the domain: who may open, edit, publish, sign and discuss petitions. Package
// text has the rules for names, tags and bodies, and package state has what each state allows.
//
// Writes go through ent's writing client, which is never passed out of the package, and through the ledger for
// everything that changes a count. What a rule needs to read, it reads through package reading as the actor. The
// package knows nothing of GraphQL.
//
// A write judges its input as far as that needs no row, with all faults at once, and answers a repeated request from
// its key before anything else (idempotencykeys.go). Then it runs a transaction (service.go). What changes a petition
// (edit.go, lifecycle.go, reopen.go) holds the lock of its counter from the first statement to the commit, and so no
// signature slips past a change; what changes a count goes to the ledger.
//
// What follows behind a commit, such as ranks and the search index, is left to the tasks of background.go. They find in
// the database what there is to do, also after a process that died.
package petitioning
