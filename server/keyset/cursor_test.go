package keyset

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var sameCursor = cmp.AllowUnexported(Key{})

func testCodec() Codec { return NewCodec([]byte("0123456789abcdef0123456789abcdef")) }

// anyCursor draws cursors of the kinds that lists have: up to three keys.
func anyCursor() *rapid.Generator[Cursor] {
	key := rapid.OneOf(
		rapid.Map(rapid.Int64(), Int),
		rapid.Map(rapid.Float64(), Float),
		rapid.Map(rapid.Int64(), func(us int64) Key { return Time(time.UnixMicro(us)) }),
		rapid.Map(rapid.StringN(0, 50, 4*50), Text),
	)
	return rapid.Custom(func(t *rapid.T) Cursor {
		var at Cursor
		at.Keys = rapid.SliceOfNDistinct(key, 0, 1, func(k Key) Key { return k }).Draw(t, "key")
		numbers := rapid.SliceOfN(rapid.Map(rapid.Int64(), Int), 0, 2).Draw(t, "numbers")
		at.Keys = append(at.Keys, numbers...)
		if len(at.Keys) == 0 {
			at.Keys = nil
		}
		copy(at.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		return at
	})
}

func TestCursorKeyValue(t *testing.T) {
	t.Parallel()
	at := time.Date(2022, 8, 28, 17, 21, 28, 123456789, time.FixedZone("CEST", 7200))
	tests := []struct {
		name string
		key  Key
		want any
	}{
		{"Int", Int(math.MinInt64), int64(math.MinInt64)},
		{"Float", Float(-0.1), -0.1},
		{"Time", Time(at), time.Date(2022, 8, 28, 15, 21, 28, 123456000, time.UTC)},
		{"BeforeTheEpoch", Time(time.UnixMicro(-1)), time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC)},
		{"Text", Text("bees"), "bees"},
		{"EmptyText", Text(""), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.key.Value()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if at, ok := got.(time.Time); ok && at.Location() != time.UTC {
				t.Errorf("the time is in %v, want UTC", at.Location())
			}
		})
	}
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at, list := anyCursor().Draw(t, "at"), rapid.String().Draw(t, "list")
		s := testCodec().Encode(list, at)
		got, err := testCodec().Decode(list, s)
		if err != nil {
			t.Fatalf("decoding %s: %v", s, err)
		}
		if diff := cmp.Diff(at, got, sameCursor); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestCursorLength(t *testing.T) {
	t.Parallel()
	numbers := Cursor{Keys: []Key{Int(-1), Float(math.Pi), Time(time.Unix(1<<40, 0))}}
	if s := testCodec().Encode("list", numbers); len(s) > 200 {
		t.Errorf("a cursor of three numbers has %d bytes, want at most 200", len(s))
	}
	longest := Cursor{Keys: []Key{Int(-1), Text(strings.Repeat("𠀀", 50))}}
	s := testCodec().Encode("list", longest)
	if got, err := testCodec().Decode("list", s); err != nil || cmp.Diff(longest, got, sameCursor) != "" {
		t.Errorf("the cursor of the longest tag has %d bytes and gives %v", len(s), err)
	}
}

func TestCursorIsBoundToItsList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := anyCursor().Draw(t, "at")
		list, other := rapid.String().Draw(t, "list"), rapid.String().Draw(t, "other")
		s := testCodec().Encode(list, at)
		if _, err := testCodec().Decode(other, s); list != other && !errors.Is(err, errBadCursor) {
			t.Fatalf("a cursor of %q went through for %q: %v", list, other, err)
		}
		if _, err := NewCodec([]byte("another key")).Decode(list, s); !errors.Is(err, errBadCursor) {
			t.Fatalf("a cursor went through under another key: %v", err)
		}
	})
}

// TestCursorKeepsListAndPlaceApart moves the border between the two: what is
// signed must not read the same.
func TestCursorKeepsListAndPlaceApart(t *testing.T) {
	t.Parallel()
	c := testCodec()
	raw, err := base64.RawURLEncoding.DecodeString(c.Encode("list", Cursor{Keys: []Key{Text("\x01\x00")}}))
	if err != nil {
		t.Fatal(err)
	}
	border := len(raw) - cursorMAC - len(uuid.UUID{}) - len("\x01\x00")
	forged := base64.RawURLEncoding.EncodeToString(raw[border:])
	if at, err := c.Decode("list"+string(raw[:border]), forged); !errors.Is(err, errBadCursor) {
		t.Errorf("decode gave %v and %v, want errBadCursor", at, err)
	}
}

func TestCursorRefusesEveryChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := testCodec().Encode("list", anyCursor().Draw(t, "at"))
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		bit := rapid.IntRange(0, 8*len(raw)-1).Draw(t, "bit")
		raw[bit/8] ^= 1 << (bit % 8)
		if _, err := testCodec().Decode("list", base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, errBadCursor) {
			t.Fatalf("bit %d turned, and the answer is %v", bit, err)
		}
		text := []byte(s)
		bit = rapid.IntRange(0, 8*len(text)-1).Draw(t, "text bit")
		text[bit/8] ^= 1 << (bit % 8)
		if _, err := testCodec().Decode("list", string(text)); !errors.Is(err, errBadCursor) {
			t.Fatalf("bit %d of the text turned, and the answer is %v", bit, err)
		}
	})
}

func TestCursorRefuses(t *testing.T) {
	t.Parallel()
	c := testCodec()
	sign := func(payload ...byte) string {
		mac := c.mac("list", payload)
		return base64.RawURLEncoding.EncodeToString(append(payload, mac[:]...))
	}
	id := make([]byte, len(uuid.UUID{}))
	good := c.Encode("list", Cursor{Keys: []Key{Int(1)}})
	tests := []struct{ name, in string }{
		{"Empty", ""},
		{"NotBase64", "!!!!"},
		{"Short", "AAAA"},
		{"Padding", good + "="},
		{"LineBreak", good[:4] + "\n" + good[4:]},
		{"Cut", good[:len(good)-1]},
		{"Longer", good + "AAAA"},
		{"Huge", strings.Repeat("A", 1<<20)},
		{"Zeros", strings.Repeat("A", 80)},
		{"SignedNothing", sign()},
		{"SignedVersion", sign(append([]byte{2, 0}, id...)...)},
		{"SignedTooManyKeys", sign(append([]byte{cursorVersion, 255}, id...)...)},
		{"SignedMissingKey", sign(cursorVersion, 1)},
		{"SignedUnknownKind", sign(append([]byte{cursorVersion, 1, 99}, id...)...)},
		{"SignedCutNumber", sign(cursorVersion, 1, byte(cursorInt), 0, 0)},
		{"SignedCutLength", sign(cursorVersion, 1, byte(cursorText), 0x80)},
		{"SignedLongText", sign(append([]byte{cursorVersion, 1, byte(cursorText), 0xff, 0x7f}, id...)...)},
		{"SignedHugeText", sign(append([]byte{cursorVersion, 1, byte(cursorText), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, id...)...)},
		{"SignedOverflow", sign(append([]byte{cursorVersion, 1, byte(cursorText)}, bytes.Repeat([]byte{0x80}, 16)...)...)},
		{"SignedShortID", sign(append([]byte{cursorVersion, 0}, id[1:]...)...)},
		{"SignedLongID", sign(append([]byte{cursorVersion, 0, 0}, id...)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, err := c.Decode("list", tt.in); !errors.Is(err, errBadCursor) || got.Keys != nil {
				t.Errorf("decode gave %v and %v, want errBadCursor", got, err)
			}
		})
	}
	if _, err := c.Decode("list", sign(append([]byte{cursorVersion, 0}, id...)...)); err != nil {
		t.Errorf("the well-formed payload beside these was refused too: %v", err)
	}
}

func FuzzCursorDecode(f *testing.F) {
	good := testCodec().Encode("list", Cursor{Keys: []Key{Int(1), Text("a"), Float(1), Time(time.Unix(0, 0))}})
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, raw[:len(raw)-cursorMAC])
	f.Add("", []byte{cursorVersion, 1, byte(cursorText), 0xff})
	f.Fuzz(func(t *testing.T, s string, payload []byte) {
		if at, err := testCodec().Decode("list", s); err == nil && testCodec().Encode("list", at) != s {
			t.Errorf("%q is not the form that encode gives", s)
		}
		if at, err := parseCursor(payload); err == nil && len(at.Keys) > len(payload) {
			t.Errorf("%x gives %d keys", payload, len(at.Keys))
		}
	})
}
