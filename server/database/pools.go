package database

import (
	"cmp"
	"database/sql"
	"database/sql/driver"
	"slices"

	"petitiond/server/turns"
)

func (o *Options) setDefaults() {
	o.Write, o.Read, o.LookUp, o.Ledger = cmp.Or(o.Write, 9), cmp.Or(o.Read, 3), cmp.Or(o.LookUp, 12), cmp.Or(o.Ledger, 4)
}

// pool returns a pool of at most size connections. It keeps all of them open when idle: closing and reopening them
// would cost more than the statements do.
func (o Options) pool(connector driver.Connector, dialect Dialect, size int) *sql.DB {
	pool := sql.OpenDB(preparer{o.Wrap(connector), dialect})
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool
}

// turns returns the turns of those who want a connection of Read.
func (o Options) turns() *turns.Queue { return turns.New(turns.Options{Places: o.Read}) }

// Newest returns the pool that reads the latest committed state without waiting for writers, nor for what takes long.
// On SQLite this is that of look-ups, since the writer has only one connection; on PostgreSQL it is the one that
// writes, since readers may be given a replica.
func (db *DB) Newest() *sql.DB {
	if db.Dialect == SQLite {
		return db.LookUp
	}
	return db.Write
}

// pools returns each pool once, the writer last.
func (db *DB) pools() []*sql.DB {
	var pools []*sql.DB
	for _, pool := range []*sql.DB{db.LookUp, db.Read, db.Ledger, db.Write} {
		if pool != nil && !slices.Contains(pools, pool) {
			pools = append(pools, pool)
		}
	}
	return pools
}
