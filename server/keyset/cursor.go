package keyset

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
)

// errBadCursor is the error for every cursor that does not belong to the list, whether it is forged, truncated or from
// another list.
var errBadCursor = errors.New("the cursor does not belong to this list; take one from the same list with the same filter and order")

const (
	cursorVersion = 1
	cursorMAC     = 8
	// cursorMax refuses long input before anything is computed; the longest sort key there is, a tag of 50 characters,
	// stays below it.
	cursorMax = 400
)

// Cursor is a position in a list: the sort keys of a row, and its id, which distinguishes rows with equal keys.
type Cursor struct {
	Keys []Key
	ID   uuid.UUID
}

// Key is one sort key: an integer, a float, a time or a text.
type Key struct {
	kind cursorKind
	bits uint64
	text string
}

type cursorKind byte

const (
	cursorInt cursorKind = iota + 1
	cursorFloat
	cursorTime
	cursorText
)

// Int returns the key for an integer.
func Int(n int64) Key { return Key{kind: cursorInt, bits: uint64(n)} }

// Float returns the key for a floating-point number.
func Float(f float64) Key { return Key{kind: cursorFloat, bits: math.Float64bits(f)} }

// Text returns the key for a text.
func Text(s string) Key { return Key{kind: cursorText, text: s} }

// Time returns the key for a time, in microseconds, which is the resolution of the databases.
func Time(t time.Time) Key {
	return Key{kind: cursorTime, bits: uint64(t.UnixMicro())}
}

// Position returns the number of an Int key.
func (k Key) Position() int64 { return int64(k.bits) }

// Value returns the key as an argument of a statement: int64, float64, time.Time in UTC or string.
func (k Key) Value() any {
	switch k.kind {
	case cursorInt:
		return int64(k.bits)
	case cursorFloat:
		return math.Float64frombits(k.bits)
	case cursorTime:
		return time.UnixMicro(int64(k.bits)).UTC()
	default:
		return k.text
	}
}

// Codec encodes and decodes cursors. They are authenticated: a client can neither forge one nor use it with another
// list, and a decoded cursor has the kinds of keys that were written for its list.
type Codec struct{ sealers *sync.Pool }

// NewCodec returns a codec that authenticates with the key.
func NewCodec(key []byte) Codec {
	return Codec{&sync.Pool{New: func() any { return &sealer{mac: hmac.New(sha256.New, key)} }}}
}

// sealer computes one MAC after another: to make an HMAC takes longer than to use it.
type sealer struct {
	mac  hash.Hash
	text []byte // what is authenticated
}

// Encode returns the opaque form: base64url of version, number of keys, keys, id and MAC. List describes the list that
// the cursor is bound to: its name, parent, filter and order.
func (c Codec) Encode(list string, at Cursor) string {
	// Room for nearly every cursor, of which a page makes up to a hundred.
	raw := append(make([]byte, 0, 64), cursorVersion, byte(len(at.Keys)))
	for _, key := range at.Keys {
		raw = append(raw, byte(key.kind))
		if key.kind == cursorText {
			raw = binary.AppendUvarint(raw, uint64(len(key.text)))
			raw = append(raw, key.text...)
			continue
		}
		raw = binary.BigEndian.AppendUint64(raw, key.bits)
	}
	raw = append(raw, at.ID[:]...)
	mac := c.mac(list, raw)
	return base64.RawURLEncoding.EncodeToString(append(raw, mac[:]...))
}

// Decode returns errBadCursor for everything that Encode did not write for this list with this key.
func (c Codec) Decode(list, s string) (Cursor, error) {
	if len(s) > cursorMax {
		return Cursor{}, errBadCursor
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	// The decoder ignores line breaks and unused bits, but a cursor must have exactly one valid form.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != s || len(raw) < cursorMAC {
		return Cursor{}, errBadCursor
	}
	payload, mac := raw[:len(raw)-cursorMAC], raw[len(raw)-cursorMAC:]
	if want := c.mac(list, payload); !hmac.Equal(mac, want[:]) {
		return Cursor{}, errBadCursor
	}
	return parseCursor(payload)
}

// mac returns what binds a payload to its list: a cursor of another list, or one that somebody has made up, has none
// that fits.
func (c Codec) mac(list string, payload []byte) (out [cursorMAC]byte) {
	s := c.sealers.Get().(*sealer) //nolint:forcetypeassert // nothing else is in there
	defer c.sealers.Put(s)
	// The length separates list and payload.
	s.text = append(binary.AppendUvarint(s.text[:0], uint64(len(list))), list...)
	s.text = append(s.text, payload...)
	s.mac.Reset()
	s.mac.Write(s.text)
	s.text = s.mac.Sum(s.text[:0])
	copy(out[:], s.text)
	return out
}

// parseCursor does not rely on the MAC alone: a cursor from an older release may be authentic and still have another
// format.
func parseCursor(payload []byte) (Cursor, error) {
	if len(payload) < 2 || payload[0] != cursorVersion {
		return Cursor{}, errBadCursor
	}
	at, rest := Cursor{}, payload[2:]
	for range payload[1] {
		key, tail, ok := parseCursorKey(rest)
		if !ok {
			return Cursor{}, errBadCursor
		}
		at.Keys, rest = append(at.Keys, key), tail
	}
	if len(rest) != len(at.ID) {
		return Cursor{}, errBadCursor
	}
	copy(at.ID[:], rest)
	return at, nil
}

// parseCursorKey parses one key, and returns what stands behind it.
func parseCursorKey(b []byte) (key Key, rest []byte, ok bool) {
	if len(b) == 0 {
		return Key{}, nil, false
	}
	kind, b := cursorKind(b[0]), b[1:]
	switch kind {
	case cursorInt, cursorFloat, cursorTime:
		if len(b) < 8 {
			return Key{}, nil, false
		}
		return Key{kind: kind, bits: binary.BigEndian.Uint64(b)}, b[8:], true
	case cursorText:
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return Key{}, nil, false
		}
		end := n + int(length)
		return Key{kind: kind, text: string(b[n:end])}, b[end:], true
	}
	return Key{}, nil, false
}
