// Package petitioning is the domain: who may open, edit, publish, sign, discuss and read petitions, and
// what a petition, a name or a tag may look like. Every rule stands here once.
//
// Writes go through ent's writing client, which never leaves the package, and through the ledger for all
// that moves a count. Reads go through a client that hides what the actor may not see and refuses to write,
// or through the statements of the browse files, under the same condition. The package knows nothing of
// GraphQL.
package petitioning
