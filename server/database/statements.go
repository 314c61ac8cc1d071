package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

const (
	// maxCached is how many statements a connection keeps prepared, those used last. The program has some dozens; the
	// rest is room for variants of lists, with different filters and page sizes.
	maxCached = 128
	// maxCachedLength is the longest text of a cached statement. SQLite's plan for a longer one takes hundreds of
	// kilobytes.
	maxCachedLength = 32 << 10
)

// errRowsOpen reports a mistake of the caller. For unprepared statements lib/pq reports it itself; for prepared ones it
// would notice too late.
var errRowsOpen = errors.New("database: the rows of an earlier statement on this connection are still open")

// preparer makes connections that keep repeated statements prepared. An unprepared statement with arguments costs two
// round trips and a plan each time on PostgreSQL, and a compilation on SQLite.
//
// It sits below database/sql, so everything that uses the database profits: plain SQL, ent, and transactions. Code that
// prepares statements itself, as the ledger does, bypasses it.
type preparer struct {
	driver.Connector
	dialect Dialect
}

// Connect makes a connection.
func (p preparer) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := made.(conn)
	if !ok { // a test has wrapped the driver
		return made, nil
	}
	c := &cachingConn{conn: full, dialect: p.dialect}
	c.cache, _ = simplelru.NewLRU(maxCached, c.onEvict) // fails only for a size below one
	return c, nil
}

// conn lists the optional interfaces of a connection that database/sql uses and both drivers have.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// stmt lists those of a prepared statement.
type stmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// cachingConn is a connection that keeps statements prepared. database/sql uses it from only one goroutine at a time,
// so it needs no lock.
type cachingConn struct {
	conn
	dialect Dialect
	cache   *simplelru.LRU[string, *cachedStmt]
	open    int  // rows of cached statements that are not closed yet
	inTx    bool // in a transaction
	closing bool
}

// cachedStmt is a statement that has been run before. It is prepared when its text comes for the second time: preparing
// one that comes only once, such as one with ids written into it, would waste a round trip.
type cachedStmt struct {
	stmt    stmt // nil: run once, not prepared yet
	busy    bool // its rows are open: it cannot run again before they are closed
	evicted bool // it was evicted while busy, and is closed with its rows
}

// CheckNamedValue lets the driver convert arguments, if it wants to.
func (c *cachingConn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

// QueryContext runs a statement that returns rows. Outside a transaction on PostgreSQL, they are buffered, so that the
// statement can be repeated if the connection is lost.
func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	found, err := c.query(ctx, query, args)
	if err != nil || c.inTx || c.dialect != Postgres {
		return found, err
	}
	return bufferRows(found)
}

// query runs a statement that is kept, or lets the driver run it. One whose rows are still being read is busy: a second
// run would end the first.
func (c *cachingConn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	one, err := c.find(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if one == nil {
		return c.conn.QueryContext(ctx, query, args)
	}
	found, err := one.stmt.QueryContext(ctx, args)
	if c.isOutdated(query, err) {
		return c.conn.QueryContext(ctx, query, args)
	}
	if err != nil {
		return nil, err
	}
	one.busy = true
	c.open++
	return &cachedRows{Rows: found, of: one, conn: c}, nil
}

// ExecContext runs a statement that returns no rows.
func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	one, err := c.find(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if one == nil {
		return c.conn.ExecContext(ctx, query, args)
	}
	result, err := one.stmt.ExecContext(ctx, args)
	if c.isOutdated(query, err) {
		return c.conn.ExecContext(ctx, query, args)
	}
	return result, err
}

// find returns the prepared statement for a text, or nil if it should run unprepared: since it comes for the first
// time, is too long, or is in use, or since preparing it gains nothing.
func (c *cachingConn) find(ctx context.Context, query string, args []driver.NamedValue) (*cachedStmt, error) {
	if c.open > 0 && c.dialect == Postgres {
		return nil, errRowsOpen // its protocol allows one statement at a time
	}
	if len(args) == 0 && !isSelect(query) || len(query) > maxCachedLength {
		return nil, nil //nolint:nilnil // no statement is not an error
	}
	one, ok := c.cache.Get(query)
	if !ok {
		c.cache.Add(query, &cachedStmt{})
		return nil, nil //nolint:nilnil // the same
	}
	if one.busy {
		return nil, nil //nolint:nilnil // the same
	}
	if one.stmt == nil {
		prepared, err := c.conn.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		one.stmt = prepared.(stmt) //nolint:forcetypeassert // both drivers have it
	}
	return one, nil
}

// isSelect reports whether a text without arguments is a single SELECT, for which a plan is worth keeping. Other texts
// without arguments need only one round trip anyway, and may contain several statements.
func isSelect(query string) bool {
	return strings.HasPrefix(query, "SELECT ") && !strings.Contains(query, ";")
}

// isOutdated removes a cached statement from the cache if err means that PostgreSQL can no longer run it and has not
// begun to: a migration has changed its columns, or something has deallocated it. It reports whether the statement
// should now run unprepared, which is not possible in a transaction, since the error has ended that.
func (c *cachingConn) isOutdated(query string, err error) bool {
	if err == nil || c.dialect != Postgres || pq.As(err, pqerror.FeatureNotSupported, pqerror.InvalidSQLStatementName) == nil {
		return false
	}
	c.cache.Remove(query)
	return !c.inTx
}

// onEvict closes a statement that is no longer in the cache, unless its rows are open. An error can be ignored: it
// means that the connection is broken, which the next statement will report.
func (c *cachingConn) onEvict(_ string, one *cachedStmt) {
	one.evicted = true
	if one.stmt == nil || one.busy {
		return
	}
	// PostgreSQL drops the statements of a connection that ends, and the server may be gone already.
	if c.closing && c.dialect == Postgres {
		return
	}
	_ = one.stmt.Close()
}

// BeginTx begins a transaction.
func (c *cachingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	begun, err := c.conn.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	c.inTx = true
	return cachingTx{begun, c}, nil
}

// Close closes the connection and its cached statements.
func (c *cachingConn) Close() error {
	c.closing = true
	c.cache.Purge()
	return c.conn.Close()
}

// cachingTx is a transaction that tells its connection when it has ended.
type cachingTx struct {
	driver.Tx
	conn *cachingConn
}

// Commit ends the transaction.
func (t cachingTx) Commit() error {
	t.conn.inTx = false
	return t.Tx.Commit()
}

// Rollback ends the transaction.
func (t cachingTx) Rollback() error {
	t.conn.inTx = false
	return t.Tx.Rollback()
}

// cachedRows are the rows of a cached statement, which can run again only when they are closed.
type cachedRows struct {
	driver.Rows
	of   *cachedStmt
	conn *cachingConn
}

// Close ends the reading. It closes the statement too if that was evicted meanwhile.
func (r *cachedRows) Close() error {
	err := r.Rows.Close()
	if !r.of.busy {
		return err
	}
	r.of.busy = false
	r.conn.open--
	if r.of.evicted {
		return errors.Join(err, r.of.stmt.Close())
	}
	return err
}

// ColumnTypeDatabaseTypeName returns the type of a column, if the driver knows it.
func (r *cachedRows) ColumnTypeDatabaseTypeName(index int) string {
	if typed, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return typed.ColumnTypeDatabaseTypeName(index)
	}
	return ""
}
