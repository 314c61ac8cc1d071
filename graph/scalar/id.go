package scalar

import (
	"encoding/base64"
	"encoding/json"
	"io"

	"github.com/google/uuid"
)

// The type tags of public ids: the first byte of each says what it names.
const (
	Petition  byte = 'P'
	Signature byte = 'S'
	Comment   byte = 'C'
	Tag       byte = 'T'
	Count     byte = 'N' // of a petition, whose UUID it has; it is no Node
)

// idSize is the length of an id before it is encoded: a tag and a UUID.
const idSize = 1 + len(uuid.UUID{})

// idLength is the length of the text of an id.
var idLength = base64.RawURLEncoding.EncodedLen(idSize)

// ID is the global id of an object: a type tag and a UUID, which clients see
// as base64url without padding. The zero ID names nothing.
type ID struct {
	Type byte
	UUID uuid.UUID
}

// NewID returns the id of the object of type tag whose key is key.
func NewID(tag byte, key uuid.UUID) ID {
	return ID{Type: tag, UUID: key}
}

// ParseID reads the text of an id. What is not exactly the text of an id gives
// the zero ID: to a client a malformed id and one that names nothing are alike.
func ParseID(text string) ID {
	if len(text) != idLength {
		return ID{}
	}
	var raw [idSize]byte
	if _, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(text)); err != nil {
		return ID{}
	}
	id := ID{Type: raw[0], UUID: uuid.UUID(raw[1:])}
	// Decoding skips line breaks, so that only encoding again proves the text.
	if id.String() != text {
		return ID{}
	}
	return id
}

// Is reports whether the id names an object of type tag.
func (id ID) Is(tag byte) bool { return id.Type == tag && tag != 0 }

// String returns the text that clients see.
func (id ID) String() string { return string(id.append(nil)) }

// append appends the text that clients see.
func (id ID) append(to []byte) []byte {
	var raw [idSize]byte
	raw[0] = id.Type
	copy(raw[1:], id.UUID[:])
	return base64.RawURLEncoding.AppendEncode(to, raw[:])
}

// MarshalGQL writes the id as a GraphQL string.
func (id ID) MarshalGQL(w io.Writer) {
	// The alphabet of base64url needs no escapes. A writer of gqlgen does not fail.
	text := append(make([]byte, 0, 2+idLength), '"')
	_, _ = w.Write(append(id.append(text), '"'))
}

// UnmarshalGQL takes a string or an integer, as the specification says of ID.
// Text that is no id of ours gives the zero ID; any other kind is an [Error].
func (id *ID) UnmarshalGQL(v any) error {
	switch v := v.(type) {
	case string:
		*id = ParseID(v)
		return nil
	case int, int32, int64:
		*id = ID{}
		return nil
	case json.Number:
		if _, err := v.Int64(); err == nil {
			*id = ID{}
			return nil
		}
	}
	return Error("An ID must be a string.")
}
