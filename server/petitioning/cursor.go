package petitioning

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

// cursor is a place within a list: the sort keys of a row, and its id, which
// tells rows with equal keys apart.
type cursor struct {
	Keys []cursorKey
	ID   uuid.UUID
}

// cursorKey is one sort key: an integer, a float, a time or a text.
type cursorKey struct {
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

func intKey(n int64) cursorKey     { return cursorKey{kind: cursorInt, bits: uint64(n)} }
func floatKey(f float64) cursorKey { return cursorKey{kind: cursorFloat, bits: math.Float64bits(f)} }
func textKey(s string) cursorKey   { return cursorKey{kind: cursorText, text: s} }

// timeKey keeps microseconds, which is what the databases keep.
func timeKey(t time.Time) cursorKey {
	return cursorKey{kind: cursorTime, bits: uint64(t.UnixMicro())}
}

// is reports whether two keys are the same.
func (k cursorKey) is(other cursorKey) bool { return k == other }

// Value gives the key as an argument of a statement: int64, float64,
// time.Time in UTC or string.
func (k cursorKey) Value() any {
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

// cursorCodec writes and reads cursors. They are authenticated, so that a
// client can neither make one up nor carry it to another list, and what is
// read back has the kinds of keys that were written for that list.
type cursorCodec struct{ key []byte }

// encode gives the opaque form: base64url of version, number of keys, keys,
// id and MAC. List describes the list that the cursor is bound to: its name,
// parent, filter and order.
func (c cursorCodec) encode(list string, at cursor) string {
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

// decode gives errBadCursor for everything that encode did not write for this
// list with this key.
func (c cursorCodec) decode(list, s string) (cursor, error) {
	if len(s) > cursorMax {
		return cursor{}, errBadCursor
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	// The decoder skips line breaks and unused bits; a cursor has one form.
	if err != nil || base64.RawURLEncoding.EncodeToString(raw) != s || len(raw) < cursorMAC {
		return cursor{}, errBadCursor
	}
	payload, mac := raw[:len(raw)-cursorMAC], raw[len(raw)-cursorMAC:]
	if !hmac.Equal(mac, c.mac(list, payload)) {
		return cursor{}, errBadCursor
	}
	return parseCursor(payload)
}

func (c cursorCodec) mac(list string, payload []byte) []byte {
	h := hmac.New(sha256.New, c.key)
	// The length keeps list and payload apart.
	h.Write(binary.AppendUvarint(nil, uint64(len(list))))
	h.Write([]byte(list))
	h.Write(payload)
	return h.Sum(nil)[:cursorMAC]
}

// parseCursor does not trust the MAC with its life: a payload of an older
// release may be authentic and still have another form.
func parseCursor(payload []byte) (cursor, error) {
	if len(payload) < 2 || payload[0] != cursorVersion {
		return cursor{}, errBadCursor
	}
	at, rest := cursor{}, payload[2:]
	for range payload[1] {
		key, tail, ok := parseCursorKey(rest)
		if !ok {
			return cursor{}, errBadCursor
		}
		at.Keys, rest = append(at.Keys, key), tail
	}
	if len(rest) != len(at.ID) {
		return cursor{}, errBadCursor
	}
	copy(at.ID[:], rest)
	return at, nil
}

func parseCursorKey(b []byte) (key cursorKey, rest []byte, ok bool) {
	if len(b) == 0 {
		return cursorKey{}, nil, false
	}
	kind, b := cursorKind(b[0]), b[1:]
	switch kind {
	case cursorInt, cursorFloat, cursorTime:
		if len(b) < 8 {
			return cursorKey{}, nil, false
		}
		return cursorKey{kind: kind, bits: binary.BigEndian.Uint64(b)}, b[8:], true
	case cursorText:
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return cursorKey{}, nil, false
		}
		end := n + int(length)
		return cursorKey{kind: kind, text: string(b[n:end])}, b[end:], true
	}
	return cursorKey{}, nil, false
}
