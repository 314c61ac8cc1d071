// Package idempotency is how a repeated request is answered as the first one was.
//
// A key stands for one request of one caller: it is stored with a digest of the input and with the answer, in the
// transaction that does what was asked. A request that meets it again with the same input is answered from there and
// changes nothing; another input under the same key is a mistake of the caller. The ledger stores keys by the batch and
// the domain one at a time; what a key is, what its answer is, and for how long it counts is known here alone.
package idempotency

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/server/secret"
)

// Kept is how long a repeated request is answered as the first one was: at least, since a key counts until it is swept.
const Kept = 48 * time.Hour

// ErrMismatch says that the key was used before with another input.
var ErrMismatch = errors.New("idempotency key used with another input")

// Key makes a request repeatable: the same ID with the same Input is carried out once and answered every time.
type Key struct {
	ID    string // names caller, mutation and the caller's key
	Input []byte // digest of the input
}

// New returns the stored form of a caller's key for a mutation with this input. Caller and mutation are in its ID: the
// same key of another caller or for another mutation is another key. It tells those who see it stored nothing of
// either.
func New(keys *secret.Keys, caller, mutation, key string, input any) (*Key, error) {
	canonical, err := canonical(input)
	if err != nil {
		return nil, fmt.Errorf("writing an input down: %w", err)
	}
	id := keys.ShortDigest(secret.CallerDigest, []byte(mutation), []byte(caller), []byte(key))
	return &Key{
		ID:    base64.RawURLEncoding.EncodeToString(id),
		Input: keys.ShortDigest(secret.InputDigest, canonical),
	}, nil
}

// canonical returns an input as json.Marshal does, of which digests are stored. That lets its memory grow many times
// while it writes < and the like with six bytes, and the text of an input has not been checked yet.
func canonical(input any) ([]byte, error) {
	var plain, escaped bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(input); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(plain.Bytes(), []byte("\n"))
	escaped.Grow(len(text) + len(`\u003c`)*(bytes.Count(text, []byte("<"))+bytes.Count(text, []byte(">"))+bytes.Count(text, []byte("&"))))
	json.HTMLEscape(&escaped, text)
	return escaped.Bytes(), nil
}

// Check returns ErrMismatch unless the other use of the same key had the same input.
func (k Key) Check(other Key) error {
	if !bytes.Equal(k.Input, other.Input) {
		return ErrMismatch
	}
	return nil
}

// Record is a key with the answer of the request that it stands for.
type Record struct {
	Key

	Answer uuid.UUID
	At     time.Time
}
