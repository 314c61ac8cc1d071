// Package ledger is the one writer of everything that moves a count: signatures, their confirmation and withdrawal,
// comments, and the terms under which a petition accepts them; and of requests that are accepted under these terms, to
// be carried out later.
//
// What arrives while one transaction commits forms the next one (group commit, without a timer), so that a
// hot petition costs one counter update a batch. A call returns when its row is durable. The counter row of
// a petition is the lock of all its figures: every transaction takes it first, petitions in the order of
// their ids.
//
// The package knows SQL and nothing of GraphQL, of ent, or of what a signature means.
package ledger
