// Package recount compares what the ledger has summed with the rows, and corrects what differs. It looks in snapshots,
// without a lock; a petition that differs is counted again under the lock of its counter, like any other change of it.
package recount
