// Package recount compares what the ledger has summed with the rows, and corrects what differs. It looks in snapshots,
// without a lock; a petition that differs is counted again under the lock of its counter, like any other change of it.
//
// It goes through the petitions in steps of about the same size (recount.go). For those of a step a census reads what
// is stored and counts the rows (census.go), into two tallies with the same buckets (tally.go, bucket.go). Where the
// two differ, the petition is locked and measured again (compare.go), and what its rows say is written (correction.go),
// together with what a wrong clock has dated into the future (wrongclock.go).
package recount
