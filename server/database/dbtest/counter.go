package dbtest

import (
	"context"
	"database/sql/driver"
	"slices"
	"sync"
	"sync/atomic"
)

// Counter counts the statements that reach a database: queries and commands, prepared or not, BEGIN, COMMIT and
// ROLLBACK. Preparing a statement does not count as one. It is safe for concurrent use.
type Counter struct {
	mu       sync.Mutex
	calls    []Call // guarded by mu
	prepared int    // guarded by mu
	rows     atomic.Int64
}

// Call is a statement with the arguments that the driver receives.
type Call struct {
	Text string
	Args []any
}

// Count returns the number of statements since the last Reset.
func (c *Counter) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// Prepared returns how often a statement was prepared since the last Reset.
func (c *Counter) Prepared() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.prepared
}

// Rows returns how many rows were read since the last Reset.
func (c *Counter) Rows() int { return int(c.rows.Load()) }

// Statements returns the text of the statements since the last Reset, in order.
func (c *Counter) Statements() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	texts := make([]string, len(c.calls))
	for i, call := range c.calls {
		texts[i] = call.Text
	}
	return texts
}

// Calls returns the statements since the last Reset with their arguments, in order.
func (c *Counter) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// Reset sets all counts back to zero.
func (c *Counter) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls, c.prepared = nil, 0
	c.rows.Store(0)
}

// note records a statement before it is sent, so that one that fails is counted too.
func (c *Counter) note(statement string, args ...driver.NamedValue) {
	call := Call{Text: statement, Args: make([]any, len(args))}
	for i, arg := range args {
		call.Args[i] = arg.Value
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call)
}

// wrap puts the counter between a pool and its driver.
func (c *Counter) wrap(to driver.Connector) driver.Connector {
	return countingConnector{to, c}
}

// countingConnector makes connections whose statements are counted.
type countingConnector struct {
	driver.Connector
	counter *Counter
}

// Connect implements driver.Connector.
func (c countingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return countingConn{conn.(fullConn), c.counter}, nil // both drivers have all methods; any other fails here
}

// fullConn lists the optional interfaces of a connection that database/sql uses and both drivers have.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// countingConn counts the statements of a connection.
type countingConn struct {
	fullConn
	counter *Counter
}

// CheckNamedValue lets the driver convert arguments, if it wants to.
func (c countingConn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.fullConn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

// ExecContext implements driver.ExecerContext.
func (c countingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.counter.note(query, args...)
	return c.fullConn.ExecContext(ctx, query, args)
}

// QueryContext implements driver.QueryerContext.
func (c countingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.counter.note(query, args...)
	return c.counter.counting(c.fullConn.QueryContext(ctx, query, args))
}

// PrepareContext implements driver.ConnPrepareContext.
func (c countingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.counter.mu.Lock()
	c.counter.prepared++
	c.counter.mu.Unlock()
	stmt, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return countingStmt{stmt.(fullStmt), query, c.counter}, nil
}

// BeginTx implements driver.ConnBeginTx.
func (c countingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.counter.note("BEGIN")
	tx, err := c.fullConn.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return countingTx{tx, c.counter}, nil
}

// fullStmt lists the optional interfaces of a prepared statement that both drivers have.
type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// countingStmt counts how often a prepared statement is run.
type countingStmt struct {
	fullStmt
	query   string
	counter *Counter
}

// ExecContext implements driver.StmtExecContext.
func (s countingStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.counter.note(s.query, args...)
	return s.fullStmt.ExecContext(ctx, args)
}

// QueryContext implements driver.StmtQueryContext.
func (s countingStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.counter.note(s.query, args...)
	return s.counter.counting(s.fullStmt.QueryContext(ctx, args))
}

// counting wraps the result of a query, so that its rows are counted as they are read: a query may return more than its
// caller reads.
func (c *Counter) counting(rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, err
	}
	return countingRows{rows, c}, nil
}

// countingRows count the rows that are read.
type countingRows struct {
	driver.Rows
	counter *Counter
}

// Next implements driver.Rows.
func (r countingRows) Next(dest []driver.Value) error {
	err := r.Rows.Next(dest)
	if err == nil {
		r.counter.rows.Add(1)
	}
	return err
}

// countingTx counts the end of a transaction as a statement.
type countingTx struct {
	driver.Tx
	counter *Counter
}

// Commit implements driver.Tx.
func (t countingTx) Commit() error {
	t.counter.note("COMMIT")
	return t.Tx.Commit()
}

// Rollback implements driver.Tx.
func (t countingTx) Rollback() error {
	t.counter.note("ROLLBACK")
	return t.Tx.Rollback()
}
