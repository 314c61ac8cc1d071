package petitioning

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/petitioning/tagging"
	"petitiond/server/reading"
	"petitiond/server/recurring"
	"petitiond/server/secret"
	"petitiond/server/signing"
)

// Observer is notified of changes of text, state or goal, as the ledger's observer is notified of what the ledger
// wrote. Its methods must not block.
type Observer interface {
	// Committed is called after the commit and before the caller gets an answer.
	Committed(values ...figures.Value)
	// Doubtful is called when it is unknown whether a transaction was committed.
	Doubtful()
}

// Options configures a Service. Database, Ledger and Keys are required.
type Options struct {
	Database *database.DB
	Ledger   *ledger.Ledger
	Keys     *secret.Keys
	AdminKey string           // credential with every scope; empty: there is none
	Reading  *reading.Service // for rules that read what the actor may see; default one of its own

	Mailboxes    *signing.Service // confirms and withdraws signatures by what mails bear; nil: nobody asks for that
	Confirmation bool             // whether a signature that is given now waits for its mailbox

	Review   bool             // whether a petition waits for a moderator before it opens
	Every    time.Duration    // interval of checks for times from a wrong clock, default 10 min
	Observer Observer         // default does nothing
	Moved    *Moved           // petitions whose ranks are to be rewritten; default one of its own
	Now      func() time.Time // default that of the database's Clock
	Logger   *slog.Logger     // default discards
}

// Service carries out what people ask for. It is safe for concurrent use.
type Service struct {
	opt    Options
	db     *database.DB
	lookup *ent.Client // finds credentials and keys for any caller: reads the newest state, never writes

	turn    chan struct{}   // of a transaction on SQLite
	failing recurring.Lines // what the log was told of the tasks of Run
}

// New returns a Service on a migrated database.
func New(opt Options) *Service {
	if opt.Observer == nil {
		opt.Observer = ledger.Unobserved{}
	}
	if opt.Moved == nil {
		opt.Moved = new(Moved)
	}
	if opt.Every == 0 {
		opt.Every = 10 * time.Minute
	}
	if opt.Now == nil {
		opt.Now = opt.Database.Clock.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Reading == nil {
		opt.Reading = reading.New(reading.Options{Database: opt.Database, Keys: opt.Keys, Now: opt.Now, Logger: opt.Logger})
	}
	s := &Service{
		opt:    opt,
		db:     opt.Database,
		lookup: client(opt.Database.Dialect, opt.Database.Newest()),
		turn:   make(chan struct{}, 1),
	}
	// By a hook and not by care: whatever is written goes through inTx.
	readOnly(s.lookup)
	return s
}

// client returns a client that reads, even while PostgreSQL is being restarted.
func client(d database.Dialect, pool *sql.DB) *ent.Client {
	return ent.NewClient(ent.Driver(entsql.NewDriver(string(d), entsql.Conn{ExecQuerier: database.Reader{DB: pool}})))
}

var errReadOnly = errors.New("petitioning: this client only reads")

// readOnly makes a client refuse every write.
func readOnly(c *ent.Client) {
	c.Use(func(ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(context.Context, ent.Mutation) (ent.Value, error) { return nil, errReadOnly })
	})
}

// seen reads what the actor of ctx may see.
func (s *Service) seen(ctx context.Context) *reading.Reader {
	return s.opt.Reading.As(ActorFrom(ctx).Viewer())
}

// tx is ent and plain SQL in one transaction. It is the only client that writes, and is never passed out of the
// package.
type tx struct {
	*ent.Client
	sql *sql.Tx
}

// tags are those of petitions, in the transaction.
func (t *tx) tags() tagging.Tags { return tagging.In(t.Client, t.sql) }

// inTx runs fn in an explicit transaction, and again if the database demands it: fn may run twice. Nothing may be
// published before inTx has returned nil. Nothing is written while the time is unknown.
func (s *Service) inTx(ctx context.Context, fn func(*tx) error) error {
	err := s.db.Clock.Check()
	if err != nil {
		return s.failed(ctx, errUnavailable(), err)
	}
	// PostgreSQL resolves a deadlock by failing one of the two; the third failure in a row is no coincidence any more.
	for range 3 {
		err = s.inTurn(ctx, func(t *sql.Tx) error {
			// A client for each transaction, which costs little and can outlive none.
			driver := joined{entsql.Conn{ExecQuerier: t}, string(s.db.Dialect)}
			return fn(&tx{Client: ent.NewClient(ent.Driver(driver)), sql: t})
		})
		if !database.IsRetryable(err) {
			break
		}
	}
	switch {
	case err == nil:
		s.db.Failed.Worked(ctx, s.opt.Logger)
	case errors.Is(err, database.ErrOutcomeUnknown):
		s.opt.Observer.Doubtful()
		return s.failed(ctx, errOutcomeUnknown(), err)
	// Also where the caller's time is over: it was spent on waiting for a connection, a lock or a statement, and nothing
	// was written.
	case IsPassing(err), errors.Is(err, sql.ErrTxDone):
		return s.failed(ctx, errUnavailable(), err)
	}
	return err
}

// inTurn runs fn in a transaction. SQLite has one writer, which any of those who wait for it is given next. Of all who
// create, publish and edit one waits at a time, so that those who sign do not wait for the others.
func (s *Service) inTurn(ctx context.Context, fn func(*sql.Tx) error) error {
	if s.db.Dialect == database.SQLite && !isUnasked(ctx) {
		select {
		case s.turn <- struct{}{}:
			defer func() { <-s.turn }()
		case <-ctx.Done():
			return fmt.Errorf("begin: %w", ctx.Err())
		}
	}
	return database.InTx(ctx, s.db.Write, fn)
}

// unread returns the answer to a write for which something could not be read: nothing was written.
func (s *Service) unread(ctx context.Context, err error) error {
	if IsPassing(err) {
		return s.failed(ctx, errUnavailable(), err)
	}
	return err
}

// failed returns the answer to a write that failed through no fault of the caller. Those who ask are not told why: the
// log is, and the metrics. A caller who has gone is no sign of trouble, and neither is told. Where nobody has
// asked there is no answer, and the caller logs the cause.
func (s *Service) failed(ctx context.Context, answer *Error, cause error) error {
	if isUnasked(ctx) {
		return cause
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		s.db.Failed.Add(ctx, s.opt.Logger, cause)
	}
	return errors.Join(answer, cause)
}

// IsPassing reports whether err is a temporary failure of the database: the same request may succeed in a moment.
func IsPassing(err error) bool { return database.IsPassing(err) }

// Cause describes an error for the log, without the values that its text may have.
func Cause(err error) string { return database.Cause(err) }

// joined makes ent work within a transaction that database.InTx has begun.
type joined struct {
	entsql.Conn
	name string
}

// Tx returns the running transaction, which database.InTx commits.
func (j joined) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(j), nil }

// Close does nothing: the connection belongs to database.InTx.
func (j joined) Close() error { return nil }

// Dialect returns ent's name of the database.
func (j joined) Dialect() string { return j.name }

// newID returns a UUIDv7: ids of rows grow with time.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
