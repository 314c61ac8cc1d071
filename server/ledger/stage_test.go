package ledger_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// stage stands between the pools of a database and the driver, and plays what a script says. It counts the
// transactions that were begun, those of them that were committed, and the statements that the database refused.
type stage struct {
	script                   atomic.Pointer[script]
	begins, commits, refused atomic.Int64
}

// script is what goes wrong, or only waits. A nil function lets everything pass.
type script struct {
	connect   func() error           // before a connection is made
	begin     func() error           // before BEGIN
	statement func() error           // before a prepared statement is run
	commit    func(c *curtain) error // in the place of COMMIT
}

func (s *stage) play(p script) { s.script.Store(&p) }

// now returns the script of the moment.
func (s *stage) now() script {
	if p := s.script.Load(); p != nil {
		return *p
	}
	return script{}
}

// staged opens a fresh database through a new stage.
func staged(t testing.TB, dialect database.Dialect) (*database.DB, *stage) {
	t.Helper()
	s := new(stage)
	options := database.Options{Wrap: func(c driver.Connector) driver.Connector { return stagedConnector{c, s} }}
	return opened(t, options, dbtest.URL(t, dialect)), s
}

// eachStaged is dbtest.Each with a stage.
func eachStaged(t *testing.T, f func(t *testing.T, db *database.DB, s *stage)) {
	t.Helper()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Parallel()
			db, s := staged(t, dialect)
			f(t, db, s)
		})
	}
}

func opened(t testing.TB, options database.Options, url string) *database.DB {
	t.Helper()
	db, err := options.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// errRefused is what the network says where nobody listens.
func errRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

type stagedConnector struct {
	driver.Connector
	stage *stage
}

// Connect implements driver.Connector.
func (c stagedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if connect := c.stage.now().connect; connect != nil {
		if err := connect(); err != nil {
			return nil, err
		}
	}
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &stagedConn{fullConn: conn.(fullConn), stage: c.stage}, nil
}

// fullConn is what both drivers offer beyond the least and database/sql makes use of.
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

type stagedConn struct {
	fullConn
	stage *stage
	left  atomic.Bool // whoever left it closes it
}

// Close implements driver.Conn.
func (c *stagedConn) Close() error {
	if c.left.Load() {
		return nil
	}
	return c.fullConn.Close()
}

// CheckNamedValue implements driver.NamedValueChecker as far as the driver does.
func (c *stagedConn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.fullConn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *stagedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return stagedStmt{stmt.(fullStmt), c.stage}, nil
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stagedStmt struct {
	fullStmt
	stage *stage
}

func (s stagedStmt) enter() error {
	if statement := s.stage.now().statement; statement != nil {
		return statement()
	}
	return nil
}

// ExecContext implements driver.StmtExecContext.
func (s stagedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	res, err := s.fullStmt.ExecContext(ctx, args)
	return res, s.noted(err)
}

// QueryContext implements driver.StmtQueryContext.
func (s stagedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	rows, err := s.fullStmt.QueryContext(ctx, args)
	return rows, s.noted(err)
}

func (s stagedStmt) noted(err error) error {
	if err != nil {
		s.stage.refused.Add(1)
	}
	return err
}

// BeginTx implements driver.ConnBeginTx.
func (c *stagedConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if begin := c.stage.now().begin; begin != nil {
		if err := begin(); err != nil {
			return nil, err
		}
	}
	// The driver would close a connection that was left under way, once database/sql ends the context of its transaction.
	tx, err := c.fullConn.BeginTx(context.WithoutCancel(ctx), options)
	if err != nil {
		return nil, err
	}
	c.stage.begins.Add(1)
	return &curtain{Tx: tx, ctx: ctx, conn: c}, nil
}

// curtain is a transaction whose end the script decides.
type curtain struct {
	driver.Tx
	ctx  context.Context // of the transaction
	conn *stagedConn
}

// Commit implements driver.Tx.
func (c *curtain) Commit() error {
	if commit := c.conn.stage.now().commit; commit != nil {
		return commit(c)
	}
	return c.write()
}

// write lets the commit happen.
func (c *curtain) write() error {
	err := c.Tx.Commit()
	if err == nil {
		c.conn.stage.commits.Add(1)
	}
	return err
}

// lose cuts the connection before COMMIT reached the database.
func (c *curtain) lose() error {
	_ = c.Rollback()
	return driver.ErrBadConn
}

// writeAndLose cuts it after the commit and before its answer.
func (c *curtain) writeAndLose() error {
	if err := c.write(); err != nil {
		return err
	}
	return driver.ErrBadConn
}

// leave loses sight of the connection while COMMIT is still under way, until arrive is called.
func (c *curtain) leave() error {
	c.conn.left.Store(true)
	return driver.ErrBadConn
}

// arrive lets a COMMIT arrive that was left under way.
func (c *curtain) arrive() error {
	return errors.Join(c.write(), c.conn.fullConn.Close())
}
