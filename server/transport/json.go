package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// The reasons why a body or a parameter is no JSON that we take. None repeats
// what was sent.
var (
	errNotJSON   = errors.New("is not valid JSON")
	errTooDeep   = errors.New("nests objects or lists too deeply")
	errTwice     = errors.New("names a member of an object twice")
	errTrailing  = errors.New("goes on after the first JSON value")
	errNotUTF8   = errors.New("is not UTF-8")
	errSurrogate = errors.New("has half a surrogate pair in a string")
	errNotObject = errors.New("must be a JSON object")
)

// decodeJSON reads exactly one JSON value. It is strict where encoding/json
// is lenient: UTF-8, no member twice, nothing after the value, bounded depth.
// Numbers stay json.Number.
func decodeJSON(text []byte, depth int) (value any, err error) {
	if !utf8.Valid(text) {
		return nil, errNotUTF8
	}
	if halfSurrogate(text) {
		return nil, errSurrogate
	}
	deepest, colons := outline(text)
	if deepest > depth {
		return nil, errTooDeep
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return nil, errNotJSON
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	// Of two members of a name, the second took the place of the first.
	if members(value) != colons {
		return nil, errTwice
	}
	return value, nil
}

// halfSurrogate reports whether an escape in a string stands for half a character. encoding/json puts another
// character in its place, and nobody would be told.
func halfSurrogate(text []byte) bool {
	high := false // the escape just before was the first half
	for i := 0; i < len(text); i++ {
		unit, size := rune(-1), 1
		if text[i] == '\\' {
			size = 2
			if code, err := strconv.ParseUint(string(text[min(i+2, len(text)):min(i+6, len(text))]), 16, 16); err == nil && i+1 < len(text) && text[i+1] == 'u' {
				unit, size = rune(code), 6
			}
		}
		low := unit >= 0xDC00 && unit <= 0xDFFF
		if high != low {
			return true
		}
		high = unit >= 0xD800 && unit <= 0xDBFF
		i += size - 1
	}
	return high
}

// outline returns how deep a text nests and how many members its objects have,
// if it is JSON at all. Reading it token by token would take ten times as long.
func outline(text []byte) (deepest, colons int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		case c == ':':
			colons++
		}
	}
	return deepest, colons
}

// members counts those of all objects in a value.
func members(value any) (n int) {
	switch value := value.(type) {
	case map[string]any:
		n = len(value)
		for _, member := range value {
			n += members(member)
		}
	case []any:
		for _, item := range value {
			n += members(item)
		}
	}
	return n
}
