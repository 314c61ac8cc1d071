package petitioning

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/idempotency"
	"petitiond/server/ledger"
	"petitiond/server/secret"
)

const (
	// keysAreKept is how long a repeated request is answered as the first one was: at least, since a key
	// counts until it is swept.
	keysAreKept = 48 * time.Hour
	// keysAtOnce are forgotten in one transaction, so that nobody waits long for it.
	keysAtOnce = 5000
)

// idempotencyKey gives the stored form of a caller's key, or nil where none was given. The caller's scope is
// in it: the same key of another caller or for another mutation is another key.
func (s *Service) idempotencyKey(ctx context.Context, f *faults, mutation string, key *string, input any) (*ledger.Key, error) {
	if key == nil {
		return nil, nil //nolint:nilnil // no key is no fault
	}
	actor, least := ActorFrom(ctx), idempotencyKeyMin
	if actor.Anonymous() {
		least = anonymousIdempotency
	}
	if n := utf8.RuneCountInString(*key); n < least || n > idempotencyKeyMax || !utf8.ValidString(*key) {
		f.add(fmt.Sprintf("The idempotencyKey must have %d to %d characters.", least, idempotencyKeyMax), "idempotencyKey")
		return nil, nil //nolint:nilnil // said with the other faults
	}
	if strings.ContainsFunc(*key, unicode.IsControl) {
		f.add("The idempotencyKey must have no control characters.", "idempotencyKey")
		return nil, nil //nolint:nilnil // said with the other faults
	}
	canonical, err := json.Marshal(input)
	if err != nil {
		return nil, fmt.Errorf("writing an input down: %w", err)
	}
	id := s.opt.Keys.ShortDigest(secret.CallerDigest, []byte(mutation), []byte(actor.caller), []byte(*key))
	return &ledger.Key{
		ID:    base64.RawURLEncoding.EncodeToString(id),
		Input: s.opt.Keys.ShortDigest(secret.InputDigest, canonical),
	}, nil
}

// replay gives the answer that was kept for the key, and whether there is one. It is asked before any check
// of state, so that a repeated request hears the same although the world moved on.
func (s *Service) replay(ctx context.Context, key *ledger.Key) (uuid.UUID, bool, error) {
	if key == nil {
		return uuid.Nil, false, nil
	}
	row, err := s.lookup.Idempotency.Query().Where(idempotency.ID(key.ID)).Only(ctx)
	if ent.IsNotFound(err) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("looking an idempotency key up: %w", err)
	}
	if string(row.Input) != string(key.Input) {
		return uuid.Nil, false, errKeyMismatch()
	}
	return row.Answer, true, nil
}

func errKeyMismatch() *Error {
	return errorf(IdempotencyMismatch, []string{"input", "idempotencyKey"},
		"This idempotencyKey was used with another input. Repeat the first input, or make up a new key.")
}

// keep stores a key with its answer in the transaction that does what was asked.
func (t *tx) keep(ctx context.Context, key *ledger.Key, answer uuid.UUID, now time.Time) error {
	if key == nil {
		return nil
	}
	return t.Idempotency.Create().SetID(key.ID).SetInput(key.Input).SetAnswer(answer).SetCreatedAt(now).Exec(ctx)
}

// sweepKeys forgets the keys that are too old to be answered.
func (s *Service) sweepKeys(ctx context.Context) error {
	before := s.opt.Now().Add(-keysAreKept)
	for swept := int64(keysAtOnce); swept == keysAtOnce; {
		err := s.inTx(ctx, func(t *tx) error {
			result, err := t.sql.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE id IN
 (SELECT id FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)`, before, keysAtOnce)
			if err != nil {
				return err
			}
			swept, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("forgetting old keys: %w", err)
		}
	}
	return nil
}
