package database

import (
	"errors"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// sqliteMemory is how many bytes SQLite may take where there is plenty: its caches are 94 MiB, which take twice as
	// much, and the rest is for statements and for what these sort and collect.
	sqliteMemory = 256 << 20
	// sqliteWaste is how many bytes of memory each byte takes that SQLite asks for. The driver's allocator gives out
	// powers of two: a page of 4 KiB takes 8, since SQLite asks for it together with what it notes of it.
	sqliteWaste = 2
)

// errUncounted is why SQLite does not count what it allocates, which its limit goes by, or nil if it does. It has to be
// told before it is first used.
var errUncounted = count()

// count has SQLite count what it allocates, which can only be said before it is used for the first time.
func count() error {
	tls := libc.NewTLS()
	defer tls.Close()
	on := libc.NewVaList(int32(1))
	defer libc.Xfree(tls, on)
	if sqlite3.Xsqlite3_config(tls, sqlite3.SQLITE_CONFIG_MEMSTATUS, on) != sqlite3.SQLITE_OK {
		return errors.New("SQLite does not count what it allocates")
	}
	return nil
}

// OffHeap returns how many bytes the database at url takes at most that are not in Go's heap, whose limit knows nothing
// of them. It is 0 for PostgreSQL, or if the memory of the program is unknown.
func (o Options) OffHeap(url string) int64 {
	if isPostgres(url) {
		return 0
	}
	return o.sqliteShare()
}

// sqliteShare is how many bytes SQLite may take, or 0 if it has no limit.
func (o Options) sqliteShare() int64 { return min(o.Memory/4, sqliteMemory) }

// limitSQLite bounds what SQLite allocates in this process, for all files together: their pages, whichever connection
// keeps them, statements, and what these sort and collect. Near the limit SQLite takes the page that was not used for
// the longest time instead of memory for another, and writes to a file what it sorts or collects. What a statement
// cannot do without it gets beyond the limit, too.
func (o Options) limitSQLite() {
	tls := libc.NewTLS()
	defer tls.Close()
	sqlite3.Xsqlite3_soft_heap_limit64(tls, o.sqliteShare()/sqliteWaste)
}
