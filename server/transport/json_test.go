package transport

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeJSON(t *testing.T) {
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
		{name: "TooDeep", text: `[[[[]]]]`, err: errTooDeep},
		{name: "TooDeepObject", text: `[[[{}]]]`, err: errTooDeep},
		{name: "Numbers", text: `[-0,9007199254740993,1e400,1E-400]`, want: []any{json.Number("-0"), json.Number("9007199254740993"), json.Number("1e400"), json.Number("1E-400")}},
		{name: "NumberWithPlus", text: `[+1]`, err: errNotJSON},
		{name: "NumberWithZero", text: `[01]`, err: errNotJSON},
		{name: "NumberWithoutDigits", text: `[-]`, err: errNotJSON},
		{name: "NumberWithPoint", text: `[1.]`, err: errNotJSON},
		{name: "NotANumber", text: `[NaN]`, err: errNotJSON},
		{name: "DeepArrays", text: strings.Repeat("[", 30_000), err: errTooDeep},
		{name: "TwiceBelow", text: `[{"a":{"b":1,"c":2,"b":3}}]`, err: errTwice},
		{name: "TwiceInside", text: `[{"b":1,"c":2,"b":3}]`, err: errTwice},
		{name: "SurrogateAlone", text: `"\ud800"`, err: errSurrogate},
		{name: "SurrogatesReversed", text: `"\udc00\ud800"`, err: errSurrogate},
		{name: "SurrogateBeforeText", text: `"\ud83dx"`, err: errSurrogate},
		{name: "Surrogates", text: `"\ud83d\udc1d"`, want: "🐝"},
		{name: "EscapedBackslash", text: `"\\ud800"`, want: `\ud800`},
		{name: "ControlCharacter", text: "\"\x01\"", err: errNotJSON},
		{name: "Twice", text: `{"a":1,"a":1}`, err: errTwice},
		{name: "TwiceByEscape", text: `{"a":1,"\u0061":1}`, err: errTwice},
		{name: "Trailing", text: `{} {}`, err: errTrailing},
		{name: "TrailingBracket", text: `{}]`, err: errTrailing},
		{name: "Unclosed", text: `{"a":[1`, err: errNotJSON},
		{name: "WrongBracket", text: `[1}`, err: errNotJSON},
		{name: "Comma", text: `[1,]`, err: errNotJSON},
		{name: "NoColon", text: `{"a" 1}`, err: errNotJSON},
		{name: "NumberName", text: `{1:1}`, err: errNotJSON},
		{name: "Nothing", text: ``, err: errNotJSON},
		{name: "ByteOrderMark", text: "\ufeff{}", err: errNotJSON},
		{name: "NotUTF8", text: "\"\xff\"", err: errNotUTF8},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeJSON([]byte(test.text), 3)
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

func FuzzDecodeBody(f *testing.F) {
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
		params, refused := decodeBody([]byte(text), 32)
		if refused == nil && (!json.Valid([]byte(text)) || params.Query == "" && params.Extensions["persistedQuery"] == nil) {
			t.Errorf("%q was taken", text)
		}
		if refused != nil {
			for _, fault := range faults(refused, canary) {
				t.Error(fault)
			}
		}
		value, err := decodeJSON([]byte(text), 32)
		if twice := namesTwice(text); twice && err == nil || !twice && errors.Is(err, errTwice) {
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

// BenchmarkDecodeBody measures bodies of the size that is allowed, each full of something else.
func BenchmarkDecodeBody(b *testing.B) {
	for name, item := range map[string]string{"Lists": "[]", "Numbers": "1", "Objects": `{"a":1}`, "Strings": `"a"`, "Escapes": `"\u0041"`} {
		list := strings.Repeat(item+",", (64<<10-50)/(len(item)+1))
		body := []byte(`{"query":"{a}","variables":{"a":[` + list[:len(list)-1] + `]}}`)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, f := decodeBody(body, 32); f != nil {
					b.Fatal(f.errs)
				}
			}
		})
	}
}
