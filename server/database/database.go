package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"petitiond/server/turns"
)

// Dialect is a kind of database, by the name that ent uses.
type Dialect string

// The two databases that the program runs on.
const (
	SQLite   Dialect = "sqlite3"
	Postgres Dialect = "postgres"
)

// String returns the name of the database as people write it.
func (d Dialect) String() string {
	if d == SQLite {
		return "SQLite"
	}
	return "PostgreSQL"
}

// ErrURL means that a database address has neither of the two forms.
var ErrURL = errors.New("a database address is sqlite:PATH or postgres://user:password@host:port/name")

// ErrMissing means that there is no database yet, or none that was ever migrated.
var ErrMissing = errors.New("there is no database")

// DB is one open database.
type DB struct {
	Dialect Dialect
	// Write is the pool on which the domain writes. On SQLite it is one connection, the only one that may write.
	Write *sql.DB
	// Read is for statements that change nothing and may take long, such as searches, totals and sums. A few of them run
	// at once and the others wait, within their time and in fair turns (see Ask): nothing else waits behind them. On
	// SQLite its connections refuse changes.
	Read *sql.DB
	// LookUp is for reading statements that use the same indexes whatever their arguments and find few rows: they never
	// wait for those of Read. PostgreSQL plans each of them only once per connection; by default it would plan some of
	// them every time, which takes longer than running them. On SQLite its connections refuse changes.
	LookUp *sql.DB
	// Ledger is the pool on which the ledger writes. On PostgreSQL it has connections of its own: no signature ever
	// waits for a connection that a slow reader holds, and they take bytes as arguments in PostgreSQL's binary format. On
	// SQLite it is the same pool as Write.
	Ledger *sql.DB
	// Clock is the clock whose time is stored and decides.
	Clock *Clock
	// Failed counts the writes that fail through no fault of those who asked for them.
	Failed FailedWrites

	reads       *turns.Queue            // of those who Ask, for the connections of Read
	path        string                  // of the SQLite file, with links resolved
	checkpoints *checkpoints            // on SQLite only
	migrate     func() (*sql.DB, error) // opens a pool for migrations; on PostgreSQL only
}

// Options are what can be chosen when a database is opened. The program runs with the zero value.
type Options struct {
	// Write, Read, LookUp and Ledger are numbers of connections, by default 9, 3, 12 and 4. Write and Ledger apply to
	// PostgreSQL only. README.md says how many a server takes.
	Write, Read, LookUp, Ledger int
	// Memory is how many bytes the program may take, or 0 if that is unknown. SQLite takes a quarter of it at most: the
	// Memory of the last file that was opened holds for the whole process.
	Memory int64
	// Existing makes it an error, ErrMissing, if there is no database yet.
	Existing bool
	// Wrap wraps the driver for all pools, for example to count statements.
	Wrap func(driver.Connector) driver.Connector
	// Wall is the wall clock of this machine, by default time.Now. Tests set wrong ones.
	Wall func() time.Time
}

// Open opens the database at url, which is sqlite:PATH or postgres://…, and makes sure that it can be reached and that
// its settings took effect. It does not migrate. Errors never contain the address, which may hold a password.
//
// SQLite: file and folder are created if they are missing, readable only by their owner. PostgreSQL: parameters in the
// address take precedence over our defaults, timeouts included. If the address has no sslmode, PGSSLMODE counts, else
// TLS is required, except on this machine (loopback, sockets), where it is off.
func Open(ctx context.Context, url string) (*DB, error) {
	return Options{}.Open(ctx, url)
}

// Open is like the function Open, with options.
func (o Options) Open(ctx context.Context, url string) (*DB, error) {
	db, err := o.open(ctx, url)
	if err != nil || !o.Existing {
		return db, err
	}
	// An empty one is none either: whoever meant a site with petitions has the wrong address.
	applied, err := db.applied(ctx)
	if err == nil && len(applied) == 0 {
		err = fmt.Errorf("%w: this one is empty", ErrMissing)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (o Options) open(ctx context.Context, url string) (*DB, error) {
	o.setDefaults()
	if o.Wrap == nil {
		o.Wrap = func(c driver.Connector) driver.Connector { return c }
	}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		// Other programs take parameters there; a name may have a question mark, but nobody means one like that.
		if _, parameters, ok := strings.Cut(path, "?"); ok && strings.Contains(parameters, "=") {
			return nil, fmt.Errorf("%w; SQLite takes no parameters", ErrURL)
		}
		return o.openSQLite(ctx, path)
	}
	if isPostgres(url) {
		return o.openPostgres(ctx, url)
	}
	return nil, ErrURL
}

// Close waits for what is running and closes every pool. On SQLite the last connection that is closed moves the
// write-ahead log into the file. Only a writer can do that, which is why the writer is closed last. A connection that
// had broken before, as all do when PostgreSQL restarts, cannot take its leave: it is closed all the same.
func (db *DB) Close() error {
	var errs []error
	if db.checkpoints != nil {
		errs = append(errs, db.checkpoints.close())
	}
	for _, pool := range db.pools() {
		if err := pool.Close(); db.Dialect == SQLite || !IsConnectionLost(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
