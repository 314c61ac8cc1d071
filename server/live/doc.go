// Package live knows who watches which petition and what its newest value is.
//
// It holds state, not events: a change replaces what was there, so a slow watcher skips to the newest value and
// never misses the last one. News may come late, twice, out of order or not at all: values are merged by version, and
// what is watched is read again every few seconds. A watcher costs some two hundred bytes and no goroutine.
//
// It must not know how values travel (transports, GraphQL) or where they are kept (database, ledger): it is given a
// function that reads them, is told of commits by Publish, and hands out what is newer by Next or Poll.
package live
