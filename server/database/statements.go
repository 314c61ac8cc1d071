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
	// keptMost is how many statements a connection keeps prepared, the latest used. The program has some dozens;
	// the rest is room for the sizes of pages and the combinations of filters.
	keptMost = 128
	// keptLength is the longest text that is kept. SQLite's plan of a longer one takes hundreds of kilobytes.
	keptLength = 32 << 10
)

// errRowsOpen is what lib/pq says of unprepared statements, and of prepared ones finds out too late.
var errRowsOpen = errors.New("database: the rows of an earlier statement on this connection are still open")

// preparer makes connections that prepare what comes to them again and again. Unprepared, a statement with
// arguments costs PostgreSQL two round trips and a plan, and SQLite a compilation, every time.
//
// It stands below database/sql, so that every way to the database has it: plain SQL, ent, transactions. Whoever
// prepares by himself, as the ledger does, goes past it.
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
	if !ok { // a test stands in between
		return made, nil
	}
	k := &keeper{conn: full, dialect: p.dialect}
	k.kept, _ = simplelru.NewLRU(keptMost, k.evicted) // fails only for a size below one
	return k, nil
}

// conn is what database/sql asks of a connection beyond the least, as both drivers have it.
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

// stmt is the same of a prepared statement.
type stmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keeper is a connection that keeps statements prepared. database/sql uses it from one goroutine at a time.
type keeper struct {
	conn
	dialect Dialect
	kept    *simplelru.LRU[string, *kept]
	open    int  // rows of kept statements that are not closed yet
	inTx    bool // a transaction is under way
	closing bool
}

// kept is a statement by its text, prepared when the text comes for the second time: those that come only
// once, as with ids written into them, would cost one more way for nothing.
type kept struct {
	stmt stmt // nil: seen once
	busy bool // its rows are open
	gone bool // it is not kept any more: who closes the rows closes it
}

// CheckNamedValue lets the driver convert arguments, if it wants to.
func (k *keeper) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := k.conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

// QueryContext runs a statement that gives rows.
func (k *keeper) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	found, err := k.query(ctx, query, args)
	if err != nil || k.inTx || k.dialect != Postgres {
		return found, err
	}
	return readWhole(found)
}

func (k *keeper) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	one, err := k.find(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if one == nil {
		return k.conn.QueryContext(ctx, query, args)
	}
	found, err := one.stmt.QueryContext(ctx, args)
	if k.outdated(query, err) {
		return k.conn.QueryContext(ctx, query, args)
	}
	if err != nil {
		return nil, err
	}
	one.busy = true
	k.open++
	return &keptRows{Rows: found, of: one, keeper: k}, nil
}

// ExecContext runs a statement that gives none.
func (k *keeper) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	one, err := k.find(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if one == nil {
		return k.conn.ExecContext(ctx, query, args)
	}
	result, err := one.stmt.ExecContext(ctx, args)
	if k.outdated(query, err) {
		return k.conn.ExecContext(ctx, query, args)
	}
	return result, err
}

// find gives the prepared statement for a text, or nil where it shall run unprepared.
func (k *keeper) find(ctx context.Context, query string, args []driver.NamedValue) (*kept, error) {
	if k.open > 0 && k.dialect == Postgres {
		return nil, errRowsOpen // its protocol has one thing under way at a time
	}
	if len(args) == 0 && !reads(query) || len(query) > keptLength {
		return nil, nil //nolint:nilnil // no statement is no fault
	}
	one, ok := k.kept.Get(query)
	if !ok {
		k.kept.Add(query, &kept{})
		return nil, nil //nolint:nilnil // the same
	}
	if one.busy {
		return nil, nil //nolint:nilnil // the same
	}
	if one.stmt == nil {
		prepared, err := k.conn.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		one.stmt = prepared.(stmt) //nolint:forcetypeassert // both drivers have it
	}
	return one, nil
}

// reads reports whether a text without arguments is one statement that is worth a plan. Others take one round trip anyway,
// and may be several.
func reads(query string) bool {
	return strings.HasPrefix(query, "SELECT ") && !strings.Contains(query, ";")
}

// outdated says whether err means that PostgreSQL cannot run the kept statement any more and has not begun to,
// because a migration changed what it gives, or something threw it away. It is forgotten; outside a transaction,
// which has failed by then, it may run unprepared.
func (k *keeper) outdated(query string, err error) bool {
	if err == nil || k.dialect != Postgres || pq.As(err, pqerror.FeatureNotSupported, pqerror.InvalidSQLStatementName) == nil {
		return false
	}
	k.kept.Remove(query)
	return !k.inTx
}

// evicted gives a statement back that is not kept any longer. Errors are the connection's, and it knows.
func (k *keeper) evicted(_ string, one *kept) {
	one.gone = true
	if one.stmt == nil || one.busy {
		return
	}
	// With a PostgreSQL connection its statements end, and there may be nobody any more to talk to.
	if k.closing && k.dialect == Postgres {
		return
	}
	_ = one.stmt.Close()
}

// BeginTx begins a transaction.
func (k *keeper) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	begun, err := k.conn.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	k.inTx = true
	return keeperTx{begun, k}, nil
}

// Close closes the connection and what it keeps.
func (k *keeper) Close() error {
	k.closing = true
	k.kept.Purge()
	return k.conn.Close()
}

// keeperTx tells the connection of the end.
type keeperTx struct {
	driver.Tx
	keeper *keeper
}

// Commit ends the transaction.
func (t keeperTx) Commit() error {
	t.keeper.inTx = false
	return t.Tx.Commit()
}

// Rollback ends the transaction.
func (t keeperTx) Rollback() error {
	t.keeper.inTx = false
	return t.Tx.Rollback()
}

// keptRows are rows of a kept statement, which has to wait for their end before it can run again.
type keptRows struct {
	driver.Rows
	of     *kept
	keeper *keeper
}

// Close ends the reading.
func (r *keptRows) Close() error {
	err := r.Rows.Close()
	if !r.of.busy {
		return err
	}
	r.of.busy = false
	r.keeper.open--
	if r.of.gone {
		return errors.Join(err, r.of.stmt.Close())
	}
	return err
}

// ColumnTypeDatabaseTypeName names the type of a column, where the driver knows it.
func (r *keptRows) ColumnTypeDatabaseTypeName(index int) string {
	if typed, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return typed.ColumnTypeDatabaseTypeName(index)
	}
	return ""
}
