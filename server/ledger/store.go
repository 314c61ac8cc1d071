package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/idempotency"
	"petitiond/server/outbox"
)

// signatureRow is a signature on its way into the table.
type signatureRow struct {
	*Signature
	counter *counter
	place   int // of its entry in the batch
	at      time.Time
	number  int  // 0 while it waits
	fresh   bool // written by this transaction, since its address was new
}

// stored is a signature that was there when its counter was locked, and what the running transaction makes of it.
type stored struct {
	id       uuid.UUID
	petition uuid.UUID
	state    string
	number   int // 0 while it waits
	digest   []byte
	named    bool
	country  string
	signed   time.Time
	reasoned bool // does it bring a comment with it when it counts
	counter  *counter

	confirmed, erased bool // by the running transaction
}

// The states of a signature that the ledger knows. In any other it counts for nothing.
const (
	stateWaiting = "PENDING"
	stateCounted = "COUNTED"
)

// commentRow is a comment on its way into the table.
type commentRow struct {
	*Comment
	counter *counter
	place   int // of its entry in the batch, -1 for the reason of a signature
	at      time.Time
	number  int
}

// tx is a running transaction in the statements of one database. Every method takes and returns whole batches,
// so that PostgreSQL may send arrays where SQLite loops over a prepared statement.
type tx interface {
	// look takes counters until the transaction ends, and finds out what is there already of what is about to be written.
	look(ctx context.Context, ask inquiry) (found, error)
	// findKeys returns what is stored of keys, by their ids.
	findKeys(ctx context.Context, ids []string) (map[string]idempotency.Record, error)
	// written says whether one of the rows is there, by its id.
	written(ctx context.Context, signatures []*signatureRow, comments []*commentRow) (bool, error)
	// find returns those of signatures that are there, by their ids.
	find(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*stored, error)
	// closings returns when petitions were closed, of those that are.
	closings(ctx context.Context, petitions []uuid.UUID) (map[uuid.UUID]time.Time, error)
	// confirm writes that signatures count, with the numbers that they have got.
	confirm(ctx context.Context, rows []*stored) error
	// erase deletes signatures, and the text and the author of the comments of signatories.
	erase(ctx context.Context, ids []uuid.UUID, signatories [][]byte, now time.Time) error
	// request writes entries of the outbox.
	request(ctx context.Context, rows []outbox.Row) error
	// newest returns the times of the last signatures of each petition that count, at most so many.
	newest(ctx context.Context, petitions []uuid.UUID, most int) (map[uuid.UUID][]time.Time, error)
	// sign numbers the rows whose address is new to the petition, given the addresses that were found, but for those that
	// wait, which it writes. It may leave it to move to write the others.
	sign(ctx context.Context, rows []*signatureRow, known map[string]bool) error
	// insertComments writes comments, which bear their numbers already.
	insertComments(ctx context.Context, rows []*commentRow) error
	// sumUp adds to the sums of petitions the signatures that earlier transactions have left out of them.
	sumUp(ctx context.Context, petitions []uuid.UUID) error
	// move writes keys, the signatures that sign has numbered, and counters and sums as the transaction has moved them. It
	// returns errKeyTaken if one of the keys was stored before.
	move(ctx context.Context, m moved) error
	// moveReplies moves the replies of parents.
	moveReplies(ctx context.Context, counters []*counter) error
}

// inquiry is what a transaction asks before it writes.
type inquiry struct {
	petitions []uuid.UUID // in the order in which they are locked
	digests   [][]byte    // of addresses that may have signed
	since     int64       // the minute before the last hour
}

// found is the answer. SQLite leaves known empty: there the insertion of a signature tells whether its address is new.
type found struct {
	counters map[uuid.UUID]*counter // of the petitions that there are
	known    map[string]bool        // digests of addresses that have signed
	lastHour map[uuid.UUID]int      // without what this transaction adds
	stale    bool                   // a counter has moved while it was waited for: all but counters may be old
}

// moved is what a transaction writes at its end.
type moved struct {
	keys     []idempotency.Record // in the order of their ids
	signed   []*signatureRow      // those that count
	counters []*counter
	summed   []*counter // those of them that leave nothing out of the sums
}

// errKeyTaken says that an earlier transaction has stored a key of this one.
var errKeyTaken = errors.New("ledger: an idempotency key was stored before")

// store opens transactions on one kind of database. It hands on the context for the statements in them.
type store interface {
	inTx(ctx context.Context, fn func(context.Context, tx) error) error
	close() error
}

// newStore returns the store of a database and how many lanes it feeds at once.
func newStore(ctx context.Context, db *database.DB) (store, int, error) {
	if db.Dialect == database.Postgres {
		s, err := prepare(ctx, db.Ledger, postgresSQL)
		return &pqStore{s}, max(1, db.Ledger.Stats().MaxOpenConnections), err
	}
	s, err := prepare(ctx, db.Ledger, sqliteSQL)
	return &sqliteStore{s}, 1, err
}

// statements are the prepared statements of a store, by their text.
type statements struct {
	pool  *sql.DB
	byTxt map[string]*sql.Stmt
}

// prepare prepares every statement once, for as long as the ledger lives. A batch then costs no parsing and no
// planning.
func prepare(ctx context.Context, pool *sql.DB, texts []string) (*statements, error) {
	s := &statements{pool: pool, byTxt: map[string]*sql.Stmt{}}
	for _, text := range texts {
		stmt, err := pool.PrepareContext(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("preparing %.40q: %w", text, err)
		}
		s.byTxt[text] = stmt
	}
	return s, nil
}

func (s *statements) close() error {
	var first error
	for _, stmt := range s.byTxt {
		if err := stmt.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// session runs prepared statements in one transaction.
type session struct {
	*statements
	tx    *sql.Tx
	bound map[string]statement // those that were used already: to bind one costs as much as to run it on SQLite
}

// statement is a prepared one in a transaction, which closes it.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

func (s *statements) session(tx *sql.Tx) session { return session{s, tx, map[string]statement{}} }

// stmt returns a prepared statement in the transaction.
func (s session) stmt(ctx context.Context, text string) statement {
	bound := s.bound[text]
	if bound == nil {
		bound = s.tx.StmtContext(ctx, s.byTxt[text])
		s.bound[text] = bound
	}
	return bound
}

// exec runs a statement whose effect is known.
func (s session) exec(ctx context.Context, text string, args ...any) error {
	_, err := s.stmt(ctx, text).ExecContext(ctx, args...)
	return err
}

// wrote runs a statement and returns how many rows it wrote.
func (s session) wrote(ctx context.Context, text string, args ...any) (int64, error) {
	res, err := s.stmt(ctx, text).ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// each runs a query and calls scan for every row of its result.
func (s session) each(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	rows, err := s.stmt(ctx, text).QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return database.Each(rows, scan)
}

// closingsBy runs the statement that reads them.
func (s session) closingsBy(ctx context.Context, text string, list any) (map[uuid.UUID]time.Time, error) {
	out := map[uuid.UUID]time.Time{}
	err := s.each(ctx, text, []any{list}, func(rows *sql.Rows) error {
		var petition uuid.UUID
		var at time.Time
		err := rows.Scan(&petition, &at)
		out[petition] = at
		return err
	})
	return out, err
}

const counterColumns = `petition_id, total, issued, version, as_of, goal, pending, named, threads, comments,
 comments_issued, trending, accepting, since, until, unsummed_after, unsummed_to`

// scanCounter reads counterColumns, and what stands behind them. Drivers return times in zones of their own.
func scanCounter(rows interface{ Scan(...any) error }, more ...any) (*counter, error) {
	c := &counter{}
	err := rows.Scan(append([]any{
		&c.petition, &c.total, &c.issued, &c.version, &c.asOf, &c.goal, &c.pending, &c.named, &c.threads, &c.comments,
		&c.commentsIssued, &c.trending, &c.accepting, &c.since, &c.until, &c.unsummedAfter, &c.unsummedTo,
	}, more...)...)
	// What the transaction adds is what issued is above this.
	c.begun = c.issued
	c.asOf = c.asOf.UTC()
	return c, err
}

const storedColumns = `s.id, s.petition_id, s.state, COALESCE(s.number, 0), s.digest, s.show_name, COALESCE(s.country, ''),
 s.signed_at, s.reason IS NOT NULL`

// scanStored reads storedColumns.
func scanStored(rows interface{ Scan(...any) error }) (*stored, error) {
	s := &stored{}
	err := rows.Scan(&s.id, &s.petition, &s.state, &s.number, &s.digest, &s.named, &s.country, &s.signed, &s.reasoned)
	return s, err
}

// null returns NULL for an empty value.
func null[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}
