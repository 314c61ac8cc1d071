package petitioning

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/reading"
	"petitiond/server/secret"
)

// Observer is told what became of changes of text, state or goal, as the ledger's is told of what it wrote. Its methods
// must not block.
type Observer interface {
	// Committed is called after the commit and before the one who asked for the change is answered.
	Committed(values ...figures.Value)
	// Doubtful is called when nobody can know whether a transaction was committed.
	Doubtful()
}

// Options of a Service. Database, Ledger and Keys are needed.
type Options struct {
	Database *database.DB
	Ledger   *ledger.Ledger
	Keys     *secret.Keys
	AdminKey string           // credential with every scope; empty: there is none
	Reading  *reading.Service // for rules that look at what the actor may see; default one of its own
	Review   bool             // does a petition wait for a moderator before it opens
	Every    time.Duration    // from one look for what a wrong clock has dated to the next, default 10 min
	Observer Observer         // default one who does nothing
	Moved    *Moved           // whose ranks are to be rewritten; default nobody's but its own
	Now      func() time.Time // default that of the database's Clock
	Logger   *slog.Logger     // default discards
}

// Service carries out what people ask for. It is safe for concurrent use.
type Service struct {
	opt    Options
	db     *database.DB
	lookup *ent.Client // finds credentials and keys, whoever asks: always of the newest state, writes nothing
}

// New gives a Service on a migrated database.
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
		lookup: client(opt.Database.Dialect, newest(opt.Database)),
	}
	readOnly(s.lookup)
	return s
}

// newest gives the pool that reads what was committed last, without waiting for who writes: on SQLite all
// readers do, and the writer has one connection; on PostgreSQL readers may come to ask a replica.
func newest(db *database.DB) *sql.DB {
	if db.Dialect == database.SQLite {
		return db.Read
	}
	return db.Write
}

// client gives one that reads, also while PostgreSQL is started again.
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

// tx is ent and plain SQL in one transaction: the only client that writes, and it never leaves the package.
type tx struct {
	*ent.Client
	sql *sql.Tx
}

// inTx runs fn in an explicit transaction, and again when the database asks for it: fn may run twice.
// Nothing may be told to others before it has returned nil. Nothing is written while nobody knows the time.
func (s *Service) inTx(ctx context.Context, fn func(*tx) error) error {
	err := s.db.Clock.Check()
	if err != nil {
		return errors.Join(errUnavailable(), err)
	}
	for range 3 {
		err = database.InTx(ctx, s.db.Write, func(t *sql.Tx) error {
			driver := joined{entsql.Conn{ExecQuerier: t}, string(s.db.Dialect)}
			return fn(&tx{Client: ent.NewClient(ent.Driver(driver)), sql: t})
		})
		if !database.IsRetryable(err) {
			break
		}
	}
	switch {
	case errors.Is(err, database.ErrOutcomeUnknown):
		s.opt.Observer.Doubtful()
		return errors.Join(errOutcomeUnknown(), err)
	case ctx.Err() == nil && IsPassing(err):
		return errors.Join(errUnavailable(), err)
	}
	return err
}

// IsPassing says whether err is trouble that the database has just now: what was asked may go well in a moment.
func IsPassing(err error) bool { return database.IsPassing(err) }

// joined lets ent work inside a transaction that database.InTx has begun.
type joined struct {
	entsql.Conn
	name string
}

// Tx gives the running transaction: it is committed by who began it.
func (j joined) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(j), nil }

// Close leaves the connection to who began the transaction.
func (j joined) Close() error { return nil }

// Dialect names the database as ent does.
func (j joined) Dialect() string { return j.name }

// newID gives a UUIDv7: ids of rows grow with time.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
