package scalar_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"petitiond/graph/scalar"
)

func TestUnmarshalText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   any
		want string
		fail bool
	}{
		{name: "String", in: "UK", want: "UK"},
		{name: "Empty", in: "", want: ""},
		{name: "NUL", in: "a\x00b", want: "a\x00b"},
		{name: "Int", in: int64(1), fail: true},
		{name: "Float", in: 1.5, fail: true},
		{name: "JSONNumber", in: json.Number("1"), fail: true},
		{name: "Bool", in: true, fail: true},
		{name: "Null", in: nil, fail: true},
		{name: "List", in: []any{"a"}, fail: true},
		{name: "Object", in: map[string]any{"a": "b"}, fail: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := scalar.UnmarshalText(test.in)
			checkError(t, err, test.fail)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsDoNotRepeatTheValue(t *testing.T) {
	t.Parallel()
	const canary = "canary@example.org"
	in := []any{canary}
	var id scalar.ID
	_, text := scalar.UnmarshalText(in)
	_, number := scalar.UnmarshalInt32(canary)
	_, at := scalar.UnmarshalDateTime(canary)
	for _, err := range []error{text, number, at, id.UnmarshalGQL(in)} {
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("got %v, want an error without the value", err)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		if diff := cmp.Diff(want, marshalText(t, want)); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("a\u2028\"\\\t")
	f.Add("\xff\x00")
	f.Fuzz(func(t *testing.T, in string) {
		text, err := scalar.UnmarshalText(in)
		if err != nil {
			t.Fatalf("a string is always taken: %v", err)
		}
		got := marshalText(t, text)
		if utf8.ValidString(in) && got != in {
			t.Errorf("%q became %q", in, got)
		}
	})
}

// marshalText returns the string that a client reads.
func marshalText(t rapid.TB, s string) (text string) {
	var out bytes.Buffer
	scalar.MarshalText(s).MarshalGQL(&out)
	if !utf8.Valid(out.Bytes()) {
		t.Fatalf("the text is no UTF-8: %q", out.Bytes())
	}
	if err := json.Unmarshal(out.Bytes(), &text); err != nil {
		t.Fatalf("the text is no JSON: %v", err)
	}
	return text
}
