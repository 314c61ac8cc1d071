package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/strictjson"
)

var limits = strictjson.Limits{Depth: 3, Members: 4}

// texts are JSON and what is not, with what is wrong with each.
var texts = []struct {
	name, text string
	err        error
}{
	{"Object", ` {"a":[1,"b",null,true,false,-0.5e+3], "c" : {} } `, nil},
	{"Scalar", `"a"`, nil},
	{"Lists", `[[],[ ]]`, nil},
	{"Deepest", `[[[]]]`, nil},
	{"TooDeep", `[[[[]]]]`, strictjson.ErrTooDeep},
	{"TooDeepObject", `[[[{}]]]`, strictjson.ErrTooDeep},
	{"TooDeepByFar", strings.Repeat("[", 30_000), strictjson.ErrTooDeep},
	{"Members", `{"a":1,"b":1,"c":1,"d":1}`, nil},
	{"TooMany", `{"a":1,"b":1,"c":1,"d":1,"e":1}`, strictjson.ErrTooMany},
	{"TooManyBelow", `[{"x":{"a":1,"b":1,"c":1,"d":1,"e":1}}]`, strictjson.ErrTooMany},
	{"ManyApart", `[{"a":1,"b":1,"c":1,"d":1},{"a":1,"b":1,"c":1,"d":1}]`, nil},
	{"ManyAround", `{"a":{"a":1,"b":1,"c":1,"d":1},"b":1,"c":1,"d":1}`, nil},
	{"Twice", `{"a":1,"b":2,"a":1}`, strictjson.ErrTwice},
	{"TwiceByEscape", `{"a":1,"\u0061":1}`, strictjson.ErrTwice},
	{"TwiceBelow", `[{"a":{"b":1,"c":2,"b":3}}]`, strictjson.ErrTwice},
	{"TwiceInNoJSON", `[{"a":1,"a":1}`, strictjson.ErrNotJSON},
	{"EmptyNames", `{"":{"":1}}`, nil},
	{"Trailing", `{} {}`, strictjson.ErrTrailing},
	{"TrailingBracket", `{}]`, strictjson.ErrTrailing},
	{"Nothing", ``, strictjson.ErrNotJSON},
	{"Space", ` `, strictjson.ErrNotJSON},
	{"Unclosed", `{"a":[1`, strictjson.ErrNotJSON},
	{"UnclosedString", `"a`, strictjson.ErrNotJSON},
	{"UnclosedEscape", `"\`, strictjson.ErrNotJSON},
	{"UnclosedCode", `"\u00`, strictjson.ErrNotJSON},
	{"Escapes", `"\"\\\/\b\f\n\r\t\u00Ff"`, nil},
	{"EscapeUnknown", `"\x"`, strictjson.ErrNotJSON},
	{"EscapeNoHex", `"\u00g0"`, strictjson.ErrNotJSON},
	{"EscapeControl", "\"\\u00\x100\"", strictjson.ErrNotJSON}, // 0x10 | 0x20 is a digit
	{"Control", "\"\x01\"", strictjson.ErrNotJSON},
	{"WrongBracket", `[1}`, strictjson.ErrNotJSON},
	{"CommaInList", `[1,]`, strictjson.ErrNotJSON},
	{"CommaInObject", `{"a":1,}`, strictjson.ErrNotJSON},
	{"CommaFirst", `[,1]`, strictjson.ErrNotJSON},
	{"NoColon", `{"a" 1}`, strictjson.ErrNotJSON},
	{"NoComma", `{"a":1 "b":2}`, strictjson.ErrNotJSON},
	{"NumberName", `{1:1}`, strictjson.ErrNotJSON},
	{"Numbers", `[0,-0,10,1.5,1e5,1E-5,1e400]`, nil},
	{"Plus", `+1`, strictjson.ErrNotJSON},
	{"LeadingZero", `[01]`, strictjson.ErrNotJSON},
	{"Minus", `-`, strictjson.ErrNotJSON},
	{"Point", `1.`, strictjson.ErrNotJSON},
	{"PointFirst", `.5`, strictjson.ErrNotJSON},
	{"Exponent", `1e`, strictjson.ErrNotJSON},
	{"ExponentSigns", `1e+-1`, strictjson.ErrNotJSON},
	{"Word", `nul`, strictjson.ErrNotJSON},
	{"WordGoesOn", `nulll`, strictjson.ErrTrailing},
	{"NaN", `NaN`, strictjson.ErrNotJSON},
	{"Zero", "\x00", strictjson.ErrNotJSON},
	{"ByteOrderMark", "\ufeff{}", nil},
	{"ByteOrderMarkBeforeSpace", "\ufeff {\"a\":1}", nil},
	{"ByteOrderMarkAlone", "\ufeff", strictjson.ErrNotJSON},
	{"ByteOrderMarkTwice", "\ufeff\ufeff{}", strictjson.ErrNotJSON},
	{"ByteOrderMarkBehindSpace", " \ufeff{}", strictjson.ErrNotJSON},
	{"ByteOrderMarkInside", "{\ufeff}", strictjson.ErrNotJSON},
	{"ByteOrderMarkBehind", "{}\ufeff", strictjson.ErrTrailing},
	{"ByteOrderMarkOfUTF16", "\xff\xfe{\x00}\x00", strictjson.ErrNotJSON},
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range texts {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := limits.Check([]byte(test.text)); !errors.Is(err, test.err) {
				t.Errorf("%v, want %v", err, test.err)
			}
		})
	}
}

func TestObject(t *testing.T) {
	t.Parallel()
	var got []string
	err := limits.Object([]byte(` {"a" : {"x":1} , "\u0062":[ ],"c":"d" }`), func(name string, value []byte) {
		got = append(got, name+"="+string(value))
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`a={"x":1}`, `b=[ ]`, `c="d"`}, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	for text, want := range map[string]error{`[]`: strictjson.ErrNotObject, `7`: strictjson.ErrNotObject, `x`: strictjson.ErrNotJSON, ``: strictjson.ErrNotJSON, `{}x`: strictjson.ErrTrailing} {
		if err := limits.Object([]byte(text), func(string, []byte) {}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

// An object with many more names than are allowed is given up at the first of them that is too many.
func TestTooManyIsToldEarly(t *testing.T) {
	t.Parallel()
	if err := limits.Check([]byte(`{"a":1,"b":1,"c":1,"d":1,` + strings.Repeat("x", 1000))); !errors.Is(err, strictjson.ErrTooMany) {
		t.Errorf("what follows the last member that is allowed was read: %v", err)
	}
}

// Values are counted wherever they are, and a text with too many is given up at the first of them.
func TestTooManyValues(t *testing.T) {
	t.Parallel()
	limits := strictjson.Limits{Depth: 3, Members: 4, Values: 5}
	for text, want := range map[string]error{
		`[1,"a",null,{}]`:                         nil,
		`[1,"a",null,[],{}]`:                      strictjson.ErrTooLong,
		`{"a":{"b":1,"c":[1]}}`:                   nil,
		`{"a":{"b":1,"c":[1,2]}}`:                 strictjson.ErrTooLong,
		`[1,2,3,4,` + strings.Repeat("5,", 1000):  strictjson.ErrTooLong,
		`[1,2,3,4,` + strings.Repeat("x", 1000):   strictjson.ErrTooLong,
		`[1,2,3,x,` + strings.Repeat("5,", 1000):  strictjson.ErrNotJSON,
		`"` + strings.Repeat("long ", 1000) + `"`: nil,
	} {
		if err := limits.Check([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%.30s: %v, want %v", text, err, want)
		}
		if _, err := limits.Decode([]byte(text)); !errors.Is(err, want) {
			t.Errorf("decoding %.30s: %v, want %v", text, err, want)
		}
	}
}

// What is taken is what encoding/json takes, and an object's members are those that it finds.
func FuzzCheck(f *testing.F) {
	for _, test := range texts {
		if len(test.text) < 100 {
			f.Add([]byte(test.text))
		}
	}
	wide := strictjson.Limits{Depth: 1000, Members: 1000}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := wide.Check(text)
		if errors.Is(err, strictjson.ErrTooDeep) || errors.Is(err, strictjson.ErrTooMany) {
			return
		}
		text = bytes.TrimPrefix(text, []byte("\ufeff")) // which encoding/json does not know
		if valid := json.Valid(text); valid != (err == nil || errors.Is(err, strictjson.ErrTwice)) {
			t.Fatalf("%q: %v, though encoding/json says %v", text, err, valid)
		}
		var want map[string]json.RawMessage
		if err != nil || json.Unmarshal(text, &want) != nil || want == nil || !utf8.Valid(text) {
			return
		}
		got := map[string]json.RawMessage{}
		if err := wide.Object(text, func(name string, value []byte) { got[name] = value }); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q: members (-want +got):\n%s", text, diff)
		}
	})
}

// BenchmarkCheck reads texts of the size that a request may have.
func BenchmarkCheck(b *testing.B) {
	object := func(first, n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, `,"%d":0`, first+i*7919%100_000)
		}
		return "{" + s.String()[1:] + "}"
	}
	for name, text := range map[string]string{
		"String": `"` + strings.Repeat("x", 64<<10) + `"`,
		"Names":  `[` + strings.Repeat(object(0, 1000)+",", 6) + `0]`,
		"Lists":  `[` + strings.Repeat("[],", 20_000) + `0]`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := (strictjson.Limits{Depth: 3, Members: 1000}).Check([]byte(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
