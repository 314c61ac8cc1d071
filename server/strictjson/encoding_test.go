package strictjson_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/strictjson"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       any
		err        error
	}{
		{name: "Object", text: ` {"a":[1,"b",null,true]} `, want: map[string]any{"a": []any{json.Number("1"), "b", nil, true}}},
		{name: "Empty", text: `{}`, want: map[string]any{}},
		{name: "Scalar", text: `"a"`, want: "a"},
		{name: "Deep", text: `[[[]]]`, want: []any{[]any{[]any{}}}},
		{name: "TooDeep", text: `[[[[]]]]`, err: strictjson.ErrTooDeep},
		{name: "TooDeepObject", text: `[[[{}]]]`, err: strictjson.ErrTooDeep},
		{name: "Numbers", text: `[-0,9007199254740993,1e400,1E-400]`, want: []any{json.Number("-0"), json.Number("9007199254740993"), json.Number("1e400"), json.Number("1E-400")}},
		{name: "NumberWithPlus", text: `[+1]`, err: strictjson.ErrNotJSON},
		{name: "NumberWithZero", text: `[01]`, err: strictjson.ErrNotJSON},
		{name: "NumberWithoutDigits", text: `[-]`, err: strictjson.ErrNotJSON},
		{name: "NumberWithPoint", text: `[1.]`, err: strictjson.ErrNotJSON},
		{name: "NotANumber", text: `[NaN]`, err: strictjson.ErrNotJSON},
		{name: "DeepArrays", text: strings.Repeat("[", 30_000), err: strictjson.ErrTooDeep},
		{name: "TwiceBelow", text: `[{"a":{"b":1,"c":2,"b":3}}]`, err: strictjson.ErrTwice},
		{name: "TwiceInside", text: `[{"b":1,"c":2,"b":3}]`, err: strictjson.ErrTwice},
		{name: "SurrogateAlone", text: `"\ud800"`, err: strictjson.ErrSurrogate},
		{name: "SurrogatesReversed", text: `"\udc00\ud800"`, err: strictjson.ErrSurrogate},
		{name: "SurrogateBeforeText", text: `"\ud83dx"`, err: strictjson.ErrSurrogate},
		{name: "Surrogates", text: `"\ud83d\udc1d"`, want: "🐝"},
		{name: "EscapedBackslash", text: `"\\ud800"`, want: `\ud800`},
		{name: "ControlCharacter", text: "\"\x01\"", err: strictjson.ErrNotJSON},
		{name: "Twice", text: `{"a":1,"a":1}`, err: strictjson.ErrTwice},
		{name: "TwiceByEscape", text: `{"a":1,"\u0061":1}`, err: strictjson.ErrTwice},
		{name: "TooMany", text: `{"a":1,"b":1,"c":1,"d":1,"e":1}`, err: strictjson.ErrTooMany},
		{name: "Trailing", text: `{} {}`, err: strictjson.ErrTrailing},
		{name: "TrailingBracket", text: `{}]`, err: strictjson.ErrTrailing},
		{name: "Unclosed", text: `{"a":[1`, err: strictjson.ErrNotJSON},
		{name: "WrongBracket", text: `[1}`, err: strictjson.ErrNotJSON},
		{name: "Comma", text: `[1,]`, err: strictjson.ErrNotJSON},
		{name: "NoColon", text: `{"a" 1}`, err: strictjson.ErrNotJSON},
		{name: "NumberName", text: `{1:1}`, err: strictjson.ErrNotJSON},
		{name: "Nothing", text: ``, err: strictjson.ErrNotJSON},
		{name: "ByteOrderMark", text: "\ufeff{\"a\":\"\ufeff\"}", want: map[string]any{"a": "\ufeff"}},
		{name: "ByteOrderMarkTwice", text: "\ufeff\ufeff{}", err: strictjson.ErrNotJSON},
		{name: "NotUTF8", text: "\"\xff\"", err: strictjson.ErrNotUTF8},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := strictjson.Limits{Depth: 3, Members: 4}.Decode([]byte(test.text))
			if !errors.Is(err, test.err) {
				t.Errorf("error = %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); err == nil && diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

// namesTwice tells whether an object of a JSON value names a member twice, by
// reading it token by token.
func namesTwice(text string) bool {
	tokens := json.NewDecoder(strings.NewReader(text))
	tokens.UseNumber() // as 1e700 is no float64, and yet a number
	var value func() (twice, ok bool)
	value = func() (twice, ok bool) {
		token, err := tokens.Token()
		if err != nil {
			return false, false
		}
		open, nested := token.(json.Delim)
		if !nested {
			return false, true
		}
		seen := map[any]bool{}
		for tokens.More() {
			if open == '{' {
				name, err := tokens.Token()
				if err != nil {
					return twice, false
				}
				twice = twice || seen[name]
				seen[name] = true
			}
			below, ok := value()
			if twice = twice || below; !ok {
				return twice, false
			}
		}
		_, err = tokens.Token()
		return twice, err == nil
	}
	twice, ok := value()
	_, err := tokens.Token()
	return twice && ok && errors.Is(err, io.EOF) && utf8.ValidString(text)
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"query":"{ a }","variables":{"a":[1.5e3,{"b":null}]},"operationName":null}`)
	f.Add(`{"query":"{ a }","query":"{ b }"}`)
	f.Add(`[{"query":"{ a }"}]`)
	f.Add(`{"extensions":{"persistedQuery":{}}}`)
	f.Add(`{"documentId":"sha256:00","extensions":null}`)
	f.Add("{\"query\":\"\xff\"}")
	f.Add(`{"query":"{ a }","canary":1}`)
	f.Add(`{"query":["canary"],"variables":{"canary":-0,"a":1e400,"b":9007199254740993}}`)
	f.Add(`{"":{"":1e700,"":0}}`)
	f.Add(strings.Repeat(`[`, 40) + `"canary"`)
	f.Fuzz(func(t *testing.T, text string) {
		value, err := strictjson.Limits{Depth: 32, Members: 1000}.Decode([]byte(text))
		text = strings.TrimPrefix(text, "\ufeff") // which encoding/json does not know
		if twice := namesTwice(text); twice && err == nil || !twice && errors.Is(err, strictjson.ErrTwice) {
			t.Errorf("%q names a member twice: %v, and is answered %v", text, twice, err)
		}
		if err != nil {
			return
		}
		var want any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		if diff := cmp.Diff(want, value); diff != "" {
			t.Errorf("value (-want +got):\n%s", diff)
		}
	})
}
