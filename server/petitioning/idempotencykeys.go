package petitioning

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/idempotency"
)

const (
	// keysAtOnce is how many keys are deleted in one transaction. It is bounded, lest others wait long for it.
	keysAtOnce = 5000
)

// idempotencyKey returns the stored form of a caller's key, or nil if none was given.
func (s *Service) idempotencyKey(ctx context.Context, f *faults, mutation string, key *string, input any) (*idempotency.Key, error) {
	if key == nil {
		return nil, nil //nolint:nilnil // no key is no fault
	}
	actor := ActorFrom(ctx)
	if fault := idempotency.CheckKey(*key, actor.Anonymous()); fault != "" {
		f.add(fault, "idempotencyKey")
		return nil, nil //nolint:nilnil // reported with the other faults
	}
	return idempotency.New(s.opt.Keys, actor.caller, mutation, *key, input)
}

// replay returns the answer that was stored for the key, and whether there is one. It is called before any check of
// state: a repeated request gets the same answer even if the state has changed since.
func (s *Service) replay(ctx context.Context, key *idempotency.Key) (uuid.UUID, bool, error) {
	if key == nil {
		return uuid.Nil, false, nil
	}
	answer, found, err := idempotency.Find(ctx, database.Reader{DB: s.db.Newest()}, *key)
	if errors.Is(err, idempotency.ErrMismatch) {
		err = errKeyMismatch()
	}
	return answer, found, err
}

// errKeyMismatch also discloses that a key is in use. That helps nobody: keys of other credentials are never compared,
// and anonymous keys are random and cannot be guessed.
func errKeyMismatch() *Error {
	return errorf(IdempotencyMismatch, []string{"input", "idempotencyKey"},
		"This idempotencyKey was used with another input. Repeat the first input, or make up a new key.")
}

var errKeyTaken = errors.New("petitioning: another request has used the idempotency key meanwhile")

// keep stores a key with its answer, in the transaction of the request itself.
func (t *tx) keep(ctx context.Context, key *idempotency.Key, answer uuid.UUID, now time.Time) error {
	if key == nil {
		return nil
	}
	fresh, err := idempotency.Keep(ctx, t.sql, idempotency.Record{Key: *key, Answer: answer, At: now})
	// The transaction is undone, and the answer of the other request is looked up.
	if err == nil && !fresh {
		err = errKeyTaken
	}
	return err
}

// sweepKeys deletes the keys that are too old to be answered. Keys that a wrong clock has dated in the future get the
// current time: their age counts from now on.
func (s *Service) sweepKeys(ctx context.Context) error {
	if err := s.sweep(ctx, idempotency.Redate); err != nil {
		return err
	}
	return s.sweep(ctx, idempotency.Sweep)
}

// sweep repeats a statement, each time in a transaction of its own, until it finds fewer than keysAtOnce keys.
func (s *Service) sweep(
	ctx context.Context, statement func(ctx context.Context, e idempotency.Execer, now time.Time, most int) (int, error),
) error {
	// One time for all portions, or the sweep would run after keys that come of age meanwhile.
	now := s.opt.Now()
	for swept := keysAtOnce; swept == keysAtOnce; {
		err := s.inTx(ctx, func(t *tx) (err error) {
			swept, err = statement(ctx, t.sql, now, keysAtOnce)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
