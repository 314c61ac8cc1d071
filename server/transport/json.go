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
func decodeJSON(text []byte, depth int) (any, error) {
	if !utf8.Valid(text) {
		return nil, errNotUTF8
	}
	if halfSurrogate(text) {
		return nil, errSurrogate
	}
	tokens := json.NewDecoder(bytes.NewReader(text))
	tokens.UseNumber()
	value, err := decodeValue(tokens, depth)
	if err != nil {
		return nil, err
	}
	if _, err := tokens.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
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

func decodeValue(tokens *json.Decoder, depth int) (any, error) {
	token, err := tokens.Token()
	if err != nil {
		return nil, errNotJSON
	}
	open, ok := token.(json.Delim)
	switch {
	case !ok:
		return token, nil
	case depth == 0:
		return nil, errTooDeep
	case open == '{':
		return decodeObject(tokens, depth-1)
	case open == '[':
		return decodeList(tokens, depth-1)
	default:
		return nil, errNotJSON
	}
}

func decodeObject(tokens *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for tokens.More() {
		token, err := tokens.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errNotJSON
		}
		if _, twice := object[name]; twice {
			return nil, errTwice
		}
		if object[name], err = decodeValue(tokens, depth); err != nil {
			return nil, err
		}
	}
	return object, closing(tokens)
}

func decodeList(tokens *json.Decoder, depth int) (any, error) {
	list := []any{}
	for tokens.More() {
		value, err := decodeValue(tokens, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, closing(tokens)
}

// closing takes the bracket at which More stopped.
func closing(tokens *json.Decoder) error {
	if _, err := tokens.Token(); err != nil {
		return errNotJSON
	}
	return nil
}
