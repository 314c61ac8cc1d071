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
	// tokenIsRepeated is how long a repeated createPetition is told the edit token again: time enough for a client
	// whose answer was lost, and little for those who come to see the key later, in a log or on a shared machine.
	tokenIsRepeated = 10 * time.Minute
	// keysAtOnce are forgotten in one transaction, so that nobody waits long for it.
	keysAtOnce = 5000
)

// idempotencyKey returns the stored form of a caller's key, or nil where none was given.
func (s *Service) idempotencyKey(ctx context.Context, f *faults, mutation string, key *string, input any) (*idempotency.Key, error) {
	if key == nil {
		return nil, nil //nolint:nilnil // no key is no fault
	}
	actor := ActorFrom(ctx)
	if fault := checkKey(*key, actor.Anonymous()); fault != "" {
		f.add(fault, "idempotencyKey")
		return nil, nil //nolint:nilnil // said with the other faults
	}
	return idempotency.New(s.opt.Keys, actor.caller, mutation, *key, input)
}

// checkKey returns what is wrong with a key. One of a caller with a credential is his alone, whatever it is. All others
// share one scope, so that their keys must be secrets: those who guess one, with its input, would be answered in place
// of the one who made it up.
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

// withDifferent adds what is not in the list yet, as long as there is room.
func withDifferent(list []rune, r rune) []rune {
	if len(list) == cap(list) || slices.Contains(list, r) {
		return list
	}
	return append(list, r)
}

// replay returns the answer that was kept for the key, and whether there is one. It is asked before any check of state:
// a repeated request hears the same although the world moved on.
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

// errKeyMismatch also tells that a key is in use. That is of use to nobody: a key that could be met by trying would
// have to belong to the same credential, or be random.
func errKeyMismatch() *Error {
	return errorf(IdempotencyMismatch, []string{"input", "idempotencyKey"},
		"This idempotencyKey was used with another input. Repeat the first input, or make up a new key.")
}

var errKeyTaken = errors.New("petitioning: another request has used the idempotency key meanwhile")

// keep stores a key with its answer in the transaction that does what was asked.
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

// sweepKeys forgets the keys that are too old to be answered. The age of those that a wrong clock has dated ahead
// counts from now on.
func (s *Service) sweepKeys(ctx context.Context) error {
	if err := s.sweep(ctx, idempotency.Redate); err != nil {
		return err
	}
	return s.sweep(ctx, idempotency.Sweep)
}

// sweep repeats a statement, each time in a transaction of its own, until it finds less than keysAtOnce keys.
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
