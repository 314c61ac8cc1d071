package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/idempotency"
	"petitiond/server/ledger/queue"
	"petitiond/server/recurring"
)

// Errors of single entries, beside idempotency.ErrMismatch. Everything else that the ledger answers is a fault of the
// database.
var (
	// ErrNotFound says that there is no such petition.
	ErrNotFound = errors.New("ledger: no such petition")
	// ErrClosed says that the petition took no signature, and no confirmation of this one, at the moment its counter was
	// locked.
	ErrClosed = errors.New("ledger: the petition does not accept signatures")
	// ErrGone says that there is no such signature to confirm: it was withdrawn, or never there.
	ErrGone = errors.New("ledger: no such signature")
	// ErrBusy says that the queue is full; nothing was written.
	ErrBusy error = trouble("ledger: too much to write")
	// ErrUnavailable says that the database did not answer in time; nothing was written.
	ErrUnavailable error = trouble("ledger: database unavailable")
	// ErrOutcomeUnknown says that nobody knows whether the row was written: ask again with the same key.
	ErrOutcomeUnknown error = trouble("ledger: outcome unknown")
)

// trouble is an error of fixed words, which the log may have.
type trouble string

// Error returns the words.
func (t trouble) Error() string { return string(t) }

// LogValue returns the same.
func (t trouble) LogValue() slog.Value { return slog.StringValue(string(t)) }

// Signature is one signature to be counted.
type Signature struct {
	ID, Petition  uuid.UUID
	Digest        []byte // of petition and address together: one of a kind
	Name, Address []byte // sealed
	ShowName      bool
	Updates       bool   // the petitioner may write
	Country       string // empty: none, as with the two below
	Locale        string
	Statement     string
	At            time.Time // zero: the time of the batch
	Comment       *Comment  // the reason for signing: written if the signature is new and counts at once
	Waiting       *Waiting  // nil: it counts at once
	Key           *idempotency.Key
}

// Comment is one comment to be written. Parent and Author are nil where there is none.
type Comment struct {
	ID, Petition  uuid.UUID
	Parent        *uuid.UUID
	Author        *string
	FromSignatory bool
	Signatory     []byte // digest of the signature it came with
	Body          string
	At            time.Time // zero: the time of the batch
	Key           *idempotency.Key
}

// Receipt says what was written.
type Receipt struct {
	Answer uuid.UUID // the comment, or the signed petition; for a repeated key what the first call was answered
	Number int       // of the row in its petition; 0 where nothing new was written
}

// Observer is told what became of what was written. Its methods are called by several at once and must not block.
type Observer interface {
	// Committed is called after each commit, in its order for each petition, before those who wait for it are answered. It
	// gets what the transaction made of each petition's numbers, and nothing of an aspect that did not move.
	Committed(values ...figures.Value)
	// Doubtful is called when nobody can know whether a transaction was committed.
	Doubtful()
}

// Unobserved is an Observer who does nothing.
type Unobserved struct{}

// Committed does nothing.
func (Unobserved) Committed(...figures.Value) {}

// Doubtful does nothing.
func (Unobserved) Doubtful() {}

// KeepMinutes is the age at which minutes of a history are folded into hours unless Options say otherwise.
const KeepMinutes = 7 * 24 * time.Hour

// Options of a Ledger. The zero value serves.
type Options struct {
	Observer Observer         // default Unobserved
	Now      func() time.Time // default that of the database's Clock
	Logger   *slog.Logger     // default discards
	MaxBatch int              // rows in one transaction, default 1,024: measured, see doc/benchmarks.md
	MaxQueue int              // entries that wait, default 8,192; half of them for one petition
	Patience time.Duration    // how long a batch is tried while the database is away, default 10 s; twice after a lost COMMIT

	Unsummed    int           // signatures of a petition with which all of them are summed up, default 32
	KeepMinutes time.Duration // age at which minutes of a history are folded into hours, at least a day, default KeepMinutes
	SumUp       time.Duration // after which Keep sums up signatures that are in no sum yet, default 10 s
}

func (o *Options) setDefaults() {
	o.Observer = cmp.Or[Observer](o.Observer, Unobserved{})
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.MaxBatch = cmp.Or(o.MaxBatch, 1024)
	o.MaxQueue = cmp.Or(o.MaxQueue, 8192)
	o.Patience = cmp.Or(o.Patience, 10*time.Second)
	o.Unsummed = cmp.Or(o.Unsummed, 32)                                   // so many rows are what every reader of sums reads besides
	o.KeepMinutes = max(cmp.Or(o.KeepMinutes, KeepMinutes), 24*time.Hour) // what is lively today is read from minutes
	o.SumUp = cmp.Or(o.SumUp, 10*time.Second)
}

// Ledger gathers entries into transactions. It is safe for concurrent use.
type Ledger struct {
	opt   Options
	db    *database.DB
	store store
	queue *queue.Queue[*entry]
	lanes []*lane

	failing recurring.Lines // what the log was told of the tasks of Keep
}

// New prepares the statements of a Ledger on a migrated database. Run must be called for it to write.
func New(ctx context.Context, db *database.DB, opt Options) (*Ledger, error) {
	opt.setDefaults()
	if opt.Now == nil {
		opt.Now = db.Clock.Now
	}
	s, lanes, err := newStore(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("preparing the ledger: %w", err)
	}
	l := &Ledger{opt: opt, db: db, store: s, queue: queue.New[*entry](opt.MaxQueue)}
	// As many as there are connections: one more lane would only wait for one of them with a batch in its hands.
	for range lanes {
		l.lanes = append(l.lanes, &lane{ledger: l, queue: l.queue.Lane()})
	}
	return l, nil
}

// Run writes until ctx ends, then writes what is queued and returns.
func (l *Ledger) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, lane := range l.lanes {
		wg.Go(lane.run)
	}
	<-ctx.Done()
	// From here on nothing more comes in, and the lanes end when the queue is empty.
	l.queue.Close()
	wg.Wait()
	return l.store.close()
}

// Sign writes a signature and returns when it is durable. An address that had signed before is answered as
// if it had not.
func (l *Ledger) Sign(ctx context.Context, s Signature) (Receipt, error) {
	return l.submit(ctx, &entry{signature: &s, petition: s.Petition, key: s.Key})
}

// Comment writes a comment and returns when it is durable.
func (l *Ledger) Comment(ctx context.Context, c Comment) (Receipt, error) {
	return l.submit(ctx, &entry{comment: &c, petition: c.Petition, key: c.Key})
}

// SignLater queues a signature, after those queued before it, and returns the function that waits for it. An
// import queues thousands in their order this way. While the queue is full it waits.
func (l *Ledger) SignLater(ctx context.Context, s Signature) (wait func() error) {
	e := &entry{signature: &s, petition: s.Petition, key: s.Key, done: make(chan struct{})}
	for {
		err := l.push(ctx, e)
		if err == nil {
			return func() error { _, err := e.wait(ctx); return err }
		}
		if !errors.Is(err, ErrBusy) || ctx.Err() != nil {
			return func() error { return err }
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// push queues an entry.
func (l *Ledger) push(ctx context.Context, e *entry) error {
	e.unhurried = ctx.Value(unhurriedKey{}) != nil
	switch err := l.queue.Push(e); {
	case errors.Is(err, queue.ErrFull):
		return ErrBusy
	case err != nil:
		return ErrUnavailable
	}
	return nil
}

// submit queues an entry and waits for its answer.
func (l *Ledger) submit(ctx context.Context, e *entry) (Receipt, error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	e.done = make(chan struct{})
	if err := l.push(ctx, e); err != nil {
		return Receipt{}, err
	}
	return e.wait(ctx)
}

// wait returns the entry's answer. When ctx ends first the entry may still be written, unless it is in the queue yet:
// then it leaves that.
func (e *entry) wait(ctx context.Context) (Receipt, error) {
	select {
	case <-e.done:
		return e.receipt, e.err
	case <-ctx.Done():
		if e.claim() {
			return Receipt{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
		return Receipt{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
	}
}

// now returns the time for what is written, or an error that wraps ErrUnavailable where nobody knows the time.
func (l *Ledger) now() (time.Time, error) {
	if err := l.db.Clock.Check(); err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return l.opt.Now(), nil
}
