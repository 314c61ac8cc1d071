package scalar_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"petitiond/graph/scalar"
)

var key = uuid.MustParse("01930d5e-7f0a-7c3b-8a1d-0123456789ab")

func TestIDText(t *testing.T) {
	t.Parallel()
	want := "UAGTDV5_Cnw7ih0BI0Vnias"
	if diff := cmp.Diff(want, scalar.NewID(scalar.Petition, key).String()); diff != "" {
		t.Errorf("text of an id (-want +got):\n%s", diff)
	}
}

func TestIDUnmarshal(t *testing.T) {
	t.Parallel()
	id := scalar.NewID(scalar.Comment, key)
	text := id.String()
	tests := []struct {
		name string
		in   any
		want scalar.ID
		fail bool
	}{
		{name: "Canonical", in: text, want: id},
		{name: "Empty", in: ""},
		{name: "TooShort", in: text[:22]},
		{name: "TooLong", in: text + "A"},
		{name: "Padded", in: text + "="},
		{name: "LineBreakAtEnd", in: text[:22] + "\n"},
		{name: "LineBreakInside", in: text[:5] + "\n" + text[6:]},
		{name: "NotCanonical", in: text[:22] + string(text[22]+1)},
		{name: "StandardAlphabet", in: "+" + text[1:]},
		{name: "NotUTF8", in: "\xff" + text[1:]},
		{name: "PlainUUID", in: key.String()},
		{name: "Int", in: 7},
		{name: "Int64", in: int64(7)},
		{name: "JSONNumber", in: json.Number("7")},
		{name: "Fraction", in: json.Number("7.5"), fail: true},
		{name: "Float", in: 7.0, fail: true},
		{name: "Bool", in: true, fail: true},
		{name: "Null", in: nil, fail: true},
		{name: "List", in: []any{text}, fail: true},
		{name: "Object", in: map[string]any{"id": text}, fail: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got scalar.ID
			checkError(t, got.UnmarshalGQL(test.in), test.fail)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("id (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIDUnmarshalForgetsWhatWasThere(t *testing.T) {
	t.Parallel()
	for _, in := range []any{"nonsense", int64(1), json.Number("1")} {
		id := scalar.NewID(scalar.Tag, key)
		checkError(t, id.UnmarshalGQL(in), false)
		if diff := cmp.Diff(scalar.ID{}, id); diff != "" {
			t.Errorf("%T: id (-want +got):\n%s", in, diff)
		}
	}
}

func TestIDIs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		id   scalar.ID
		tag  byte
		want bool
	}{
		{"Same", scalar.NewID(scalar.Petition, key), scalar.Petition, true},
		{"Other", scalar.NewID(scalar.Petition, key), scalar.Signature, false},
		{"Zero", scalar.ID{}, scalar.Petition, false},
		{"ZeroIsNotEvenZero", scalar.ID{}, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.id.Is(test.tag); got != test.want {
				t.Errorf("Is = %v, want %v", got, test.want)
			}
		})
	}
}

func TestIDRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var raw uuid.UUID
		copy(raw[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
		want := scalar.NewID(rapid.Byte().Draw(t, "tag"), raw)
		var out bytes.Buffer
		want.MarshalGQL(&out)
		var text string
		if err := json.Unmarshal(out.Bytes(), &text); err != nil {
			t.Fatalf("the id is no JSON: %v", err)
		}
		var got scalar.ID
		if err := got.UnmarshalGQL(text); err != nil {
			t.Fatalf("unmarshal: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("id (-want +got):\n%s", diff)
		}
	})
}

func FuzzIDUnmarshal(f *testing.F) {
	f.Add(scalar.NewID(scalar.Petition, key).String())
	f.Add("")
	f.Add(strings.Repeat("A", 22) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		var id scalar.ID
		if err := id.UnmarshalGQL(text); err != nil {
			t.Fatalf("a string is always coercible: %v", err)
		}
		if id != (scalar.ID{}) && id.String() != text {
			t.Errorf("%q and %q name one object", text, id)
		}
	})
}

// checkError fails the test unless err is what is due: nil, or a scalar.Error.
func checkError(t *testing.T, err error, want bool) {
	t.Helper()
	if want != (err != nil) {
		t.Errorf("error = %v, want one: %v", err, want)
	}
	var reason scalar.Error
	if err != nil && !errors.As(err, &reason) {
		t.Errorf("error of type %T, want scalar.Error", err)
	}
}
