package database

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"time"
)

// Dialect names a kind of database, with the name that ent uses.
type Dialect string

// The two databases that the program runs on.
const (
	SQLite   Dialect = "sqlite3"
	Postgres Dialect = "postgres"
)

// String names the database for people.
func (d Dialect) String() string {
	if d == SQLite {
		return "SQLite"
	}
	return "PostgreSQL"
}

// ErrURL says that a database address is not one of the two forms.
var ErrURL = errors.New("a database address is sqlite:PATH or postgres://user:password@host:port/name")

// DB is one open database.
type DB struct {
	Dialect Dialect
	// Write is where the domain writes. On SQLite it is the only connection that may.
	Write *sql.DB
	// Read is for statements that change nothing. On SQLite its connections refuse changes, on
	// PostgreSQL it is Write.
	Read *sql.DB
	// LookUp is Read for statements that find what they want by the same indexes whatever their arguments. PostgreSQL
	// plans them once a connection; left to itself it plans some of them each time, which takes longer than to run them.
	// On SQLite it is Read.
	LookUp *sql.DB
	// Ledger is where the ledger writes: on SQLite it is Write, on PostgreSQL it has connections of its
	// own, so that slow readers never keep a signature waiting for one.
	Ledger *sql.DB
	// Clock is the time that is stored and that decides.
	Clock *Clock

	path        string                  // of the SQLite file, links followed
	checkpoints *checkpoints            // SQLite alone
	migrate     func() (*sql.DB, error) // opens a pool for migrations; PostgreSQL alone
}

// Options are what may be chosen about a database. The zero value is what the program runs with.
type Options struct {
	// Write, Read, LookUp and Ledger are numbers of connections, by default 12, 8, 12 and 4. Read is for SQLite, and the
	// others are for PostgreSQL; the rest is settled.
	Write, Read, LookUp, Ledger int
	// Wrap stands between the pools and the driver, for example to count statements.
	Wrap func(driver.Connector) driver.Connector
	// Wall is the clock of this machine, by default time.Now. Tests have wrong ones.
	Wall func() time.Time
}

// Open opens the database at url, which is sqlite:PATH or postgres://…, and makes sure that it can be
// reached and that its settings hold. It does not migrate. Errors never quote the address.
//
// SQLite: file and folder are made when missing, for the owner alone. PostgreSQL: parameters of the
// address are kept, timeouts among them. Where it names no sslmode, PGSSLMODE counts, else TLS is
// demanded, except from this machine (loopback, sockets), where it is off.
func Open(ctx context.Context, url string) (*DB, error) {
	return Options{}.Open(ctx, url)
}

// Open is as the function Open, with options.
func (o Options) Open(ctx context.Context, url string) (*DB, error) {
	o.Write, o.Read, o.LookUp, o.Ledger = cmp.Or(o.Write, 12), cmp.Or(o.Read, 8), cmp.Or(o.LookUp, 12), cmp.Or(o.Ledger, 4)
	if o.Wrap == nil {
		o.Wrap = func(c driver.Connector) driver.Connector { return c }
	}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return o.openSQLite(ctx, path)
	}
	if isPostgres(url) {
		return o.openPostgres(ctx, url)
	}
	return nil, ErrURL
}

// pool makes a pool of size connections. It keeps idle as many as it may open: closing and opening them
// all the time costs more than the statements.
func (o Options) pool(connector driver.Connector, dialect Dialect, size int) *sql.DB {
	pool := sql.OpenDB(preparer{o.Wrap(connector), dialect})
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool
}

// Close closes every pool, after what runs in them. On SQLite the last one to close folds the write-ahead
// log into the file, which only a writer can do.
func (db *DB) Close() error {
	var errs []error
	if db.checkpoints != nil {
		errs = append(errs, db.checkpoints.close())
	}
	for _, pool := range db.pools() {
		errs = append(errs, pool.Close())
	}
	return errors.Join(errs...)
}

// pools gives each pool once, the writer last.
func (db *DB) pools() []*sql.DB {
	var pools []*sql.DB
	for _, pool := range []*sql.DB{db.LookUp, db.Read, db.Ledger, db.Write} {
		if pool != nil && !slices.Contains(pools, pool) {
			pools = append(pools, pool)
		}
	}
	return pools
}
