package petitioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/idempotency"
)

// How long keys are, in characters. It is part of the public contract.
const (
	idempotencyKeyMin    = 1
	idempotencyKeyMax    = 255
	anonymousIdempotency = 22 // 128 bits in base64
)

const (
	// tokenIsRepeated is how long a repeated createPetition receives the edit token again: long enough for a client
	// whose answer was lost, and short for anybody who finds the key later, in a log or on a shared machine.
	tokenIsRepeated = 10 * time.Minute
	// keysAtOnce is how many keys are deleted in one transaction. It is bounded, lest others wait long for it.
	keysAtOnce = 5000
)

// idempotencyKey returns the stored form of a caller's key, or nil if none was given.
func (s *Service) idempotencyKey(ctx context.Context, f *faults, mutation string, key *string, input any) (*idempotency.Key, error) {
	if key == nil {
		return nil, nil //nolint:nilnil // no key is no fault
	}
	actor := ActorFrom(ctx)
	if fault := checkKey(*key, actor.Anonymous()); fault != "" {
		f.add(fault, "idempotencyKey")
		return nil, nil //nolint:nilnil // reported with the other faults
	}
	return idempotency.New(s.opt.Keys, actor.caller, mutation, *key, input)
}

// checkKey returns what is wrong with a key. Each credential has a namespace of its own, so its keys may be anything.
// Anonymous callers share one namespace, so their keys must be secrets: anybody who guesses a key and its input would
// get the answer that belongs to another caller.
func checkKey(key string, anonymous bool) (fault string) {
	n := utf8.RuneCountInString(key)
	switch {
	case anonymous && (n < anonymousIdempotency || n > idempotencyKeyMax || !utf8.ValidString(key) || !scattered(key)):
		return fmt.Sprintf(
			"Without a credential the idempotencyKey must be random and have %d to %d characters: a UUID, for example.",
			anonymousIdempotency, idempotencyKeyMax)
	case n < idempotencyKeyMin || n > idempotencyKeyMax || !utf8.ValidString(key):
		return fmt.Sprintf("The idempotencyKey must have %d to %d characters.", idempotencyKeyMin, idempotencyKeyMax)
	case strings.ContainsFunc(key, unicode.IsControl):
		return "The idempotencyKey must have no control characters."
	}
	return ""
}

const (
	scatteredCharacters = 6
	scatteredSteps      = 4
	scatteredDigits     = 32 // characters of a key of digits alone; shorter ones are times and counters
)

// scattered reports whether a key may be random: it has at least 6 different characters, and at least 4 different steps
// from one character to the next. That refuses a few characters repeated, and sequences such as 0123456789abcdef. It
// refuses less than one in 10^12 of what is random in base64 (22 characters), in hexadecimal (32) or as a UUID of
// version 4, with dashes or without. Of ULIDs, with 16 random characters of 32, it refuses less than one in 4*10^7,
// even if their time adds no character. Digits alone must be 32, as a time with a counter behind it is all digits, too.
func scattered(key string) bool {
	if len(key) < scatteredDigits && strings.Trim(key, "0123456789") == "" {
		return false
	}
	characters, steps := make([]rune, 0, scatteredCharacters), make([]rune, 0, scatteredSteps)
	before := rune(-1)
	for _, r := range key {
		characters = withDifferent(characters, r)
		if before >= 0 {
			steps = withDifferent(steps, r-before)
		}
		before = r
	}
	return len(characters) == scatteredCharacters && len(steps) == scatteredSteps
}

// withDifferent adds r if it is not in the list yet and there is room.
func withDifferent(list []rune, r rune) []rune {
	if len(list) == cap(list) || slices.Contains(list, r) {
		return list
	}
	return append(list, r)
}

// replay returns the answer that was stored for the key, and whether there is one. It is called before any check of
// state: a repeated request gets the same answer even if the state has changed since.
func (s *Service) replay(ctx context.Context, key *idempotency.Key) (uuid.UUID, bool, error) {
	if key == nil {
		return uuid.Nil, false, nil
	}
	answer, found, err := idempotency.Find(ctx, database.Reader{DB: newest(s.db)}, *key)
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
