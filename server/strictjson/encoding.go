package strictjson

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// What is wrong with the encoding of a text.
var (
	ErrNotUTF8   = errors.New("is not UTF-8")
	ErrSurrogate = errors.New("has half a surrogate pair in a string")
)

// Decode reads exactly one JSON value. It is strict where encoding/json is lenient: the text must be UTF-8 without half
// surrogate pairs, no object may have a member twice, nothing may follow the value, and what it holds is bounded.
// Numbers become json.Number.
func (l Limits) Decode(text []byte) (value any, err error) {
	switch {
	case !utf8.Valid(text):
		return nil, ErrNotUTF8
	// Both before anything is read: what follows takes strings as they are.
	case halfSurrogate(text):
		return nil, ErrSurrogate
	}
	w := l.walker(text)
	if err := w.whole(nil); err != nil {
		return nil, err
	}
	w.at = 0
	return w.decode(), nil
}

// decode returns the value that follows, of a text that was checked. encoding/json would check it twice more.
func (w *walker) decode() any {
	w.space()
	start := w.at
	switch w.peek() {
	case '{':
		// Names are known to differ, or the second would silently take the place of the first.
		object := map[string]any{}
		w.elements('}', func() {
			name, _ := w.decode().(string)
			w.space()
			w.next(':')
			object[name] = w.decode()
		})
		return object
	case '[':
		list := []any{}
		w.elements(']', func() { list = append(list, w.decode()) })
		return list
	case '"':
		w.str()
		text, _ := String(w.text[start:w.at])
		return text
	case 't', 'f':
		return w.word("true") || !w.word("false")
	case 'n':
		w.word("null")
		return nil
	}
	w.number()
	// As it is written: which type it becomes, and whether it fits, is decided by those who know the type.
	return json.Number(w.text[start:w.at])
}

// elements calls element for each of an object or a list, up to its end.
func (w *walker) elements(end byte, element func()) {
	w.at++
	for w.space(); !w.next(end); w.space() {
		element()
		w.space()
		w.next(',')
	}
}

// halfSurrogate reports whether an escape in a string stands for half a surrogate pair. encoding/json would silently
// replace it with another character.
func halfSurrogate(text []byte) bool {
	if bytes.IndexByte(text, '\\') < 0 {
		return false
	}
	// Over the whole text and not within strings only: outside of them there is no backslash in valid JSON.
	high := false // the escape just before was the first half
	for i := 0; i < len(text); i++ {
		unit, size := rune(-1), 1
		if text[i] == '\\' {
			// Both bytes are stepped over, so the second backslash of two begins no escape of its own.
			size = 2
			var code [2]byte
			if i+6 <= len(text) && text[i+1] == 'u' {
				if _, err := hex.Decode(code[:], text[i+2:i+6]); err == nil {
					unit, size = rune(binary.BigEndian.Uint16(code[:])), 6
				}
			}
		}
		// A second half must follow a first one, and a first one must be followed: each of them alone stands for
		// nothing.
		low := unit >= 0xDC00 && unit <= 0xDFFF
		if high != low {
			return true
		}
		high = unit >= 0xD800 && unit <= 0xDBFF
		i += size - 1
	}
	return high
}
