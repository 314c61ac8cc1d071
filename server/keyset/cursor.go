package keyset

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/google/uuid"
)

// errBadCursor is all that is said of a cursor that does not belong to the
// list: a forged, a cut and a borrowed one are alike.
var errBadCursor = errors.New("the cursor does not belong to this list; take one from the same list with the same filter and order")

const (
	cursorVersion = 1
	cursorMAC     = 8
	// cursorMax refuses long input before anything is computed; the longest
	// sort key there is, a tag of 50 characters, stays below it.
	cursorMax = 400
)

// Cursor is a place within a list: the sort keys of a row, and its id, which
// tells rows with equal keys apart.
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

// Int makes a key of a number.
func Int(n int64) Key { return Key{kind: cursorInt, bits: uint64(n)} }

// Float makes a key of a number with a fraction.
func Float(f float64) Key { return Key{kind: cursorFloat, bits: math.Float64bits(f)} }

// Text makes a key of a text.
func Text(s string) Key { return Key{kind: cursorText, text: s} }

// Time makes a key of a time. It keeps microseconds, which is what the databases keep.
func Time(t time.Time) Key {
	return Key{kind: cursorTime, bits: uint64(t.UnixMicro())}
}

// Position returns the number of an Int key.
func (k Key) Position() int64 { return int64(k.bits) }

// Value gives the key as an argument of a statement: int64, float64,
// time.Time in UTC or string.
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

// Codec writes and reads cursors. They are authenticated, so that a
// client can neither make one up nor carry it to another list, and what is
// read back has the kinds of keys that were written for that list.
type Codec struct{ key []byte }

// NewCodec returns a codec that authenticates with the key.
func NewCodec(key []byte) Codec { return Codec{key: key} }

// Encode returns the opaque form: base64url of version, number of keys, keys,
// id and MAC. List describes the list that the cursor is bound to: its name,
// parent, filter and order.
func (c Codec) Encode(list string, at Cursor) string {
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
	return base64.RawURLEncoding.EncodeToString(append(raw, c.mac(list, raw)...))
}

// Decode returns errBadCursor for everything that encode did not write for this
// list with this key.
func (c Codec) Decode(list, s string) (Cursor, error) {
	if len(s) > cursorMax {
		return Cursor{}, errBadCursor
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	// The decoder skips line breaks and unused bits; a cursor has one form.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != s || len(raw) < cursorMAC {
		return Cursor{}, errBadCursor
	}
	payload, mac := raw[:len(raw)-cursorMAC], raw[len(raw)-cursorMAC:]
	if !hmac.Equal(mac, c.mac(list, payload)) {
		return Cursor{}, errBadCursor
	}
	return parseCursor(payload)
}

func (c Codec) mac(list string, payload []byte) []byte {
	h := hmac.New(sha256.New, c.key)
	// The length keeps list and payload apart.
	h.Write(binary.AppendUvarint(nil, uint64(len(list))))
	h.Write([]byte(list))
	h.Write(payload)
	return h.Sum(nil)[:cursorMAC]
}

// parseCursor does not trust the MAC with its life: a payload of an older
// release may be authentic and still have another form.
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
