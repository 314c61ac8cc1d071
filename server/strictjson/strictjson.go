// Package strictjson reads JSON, and refuses what encoding/json accepts although it is ambiguous or needlessly
// expensive: an object that names a member twice, more nesting, members or values than the caller allows, more than one
// value. A byte order mark at the beginning is passed over, as RFC 8259 permits: some editors and programs write one.
//
// It takes time linear in the length of the text, except for sorting the member names of an object. Check and Object do
// not check that the text is UTF-8, nor that surrogate pairs are complete; Decode does.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
)

// What is wrong with a text. No error quotes it.
var (
	ErrNotJSON   = errors.New("is not valid JSON")
	ErrTrailing  = errors.New("continues after the first JSON value")
	ErrTooDeep   = errors.New("nests objects or lists too deeply")
	ErrTooMany   = errors.New("has an object with too many members")
	ErrTooLong   = errors.New("has too many values")
	ErrTwice     = errors.New("names a member of an object twice")
	ErrNotObject = errors.New("must be a JSON object")
)

// Limits bounds what a text may hold.
type Limits struct {
	Depth   int // objects and lists within each other
	Members int // of one object
	// Values is how many there may be in all, those in objects and lists included; 0: as many as there are. A decoded
	// value takes up to a hundred times the memory of its text.
	Values int
}

// mark is the byte order mark in UTF-8.
var mark = []byte("\ufeff")

// Check returns why a text is not exactly one JSON value within the limits, or nil.
func (l Limits) Check(text []byte) error {
	w := l.walker(text)
	return w.whole(nil)
}

// walker returns what reads a text, behind its byte order mark.
func (l Limits) walker(text []byte) walker {
	if l.Values == 0 {
		l.Values = math.MaxInt
	}
	return walker{text: bytes.TrimPrefix(text, mark), limits: l}
}

// Object checks a text that must be an object, and calls visit for each of its members with the text of the value. If
// an error is returned, what was visited must be discarded.
func (l Limits) Object(text []byte, visit func(name string, value []byte)) error {
	w := l.walker(text)
	// The second reading is only to tell a value of another kind from what is no JSON at all.
	if w.space(); w.peek() != '{' && json.Valid(w.text) {
		return ErrNotObject
	}
	return w.whole(visit)
}

// String decodes a JSON string that was already checked. It returns false for any other value, or none.
func String(value []byte) (string, bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err == nil
}

// walker reads a text once.
type walker struct {
	text   []byte
	at     int
	limits Limits
	values int      // that began so far
	names  [][]byte // of the members of the enclosing objects
	twice  bool     // reported last, since the text may also turn out not to be JSON
}

// visitor is called with each member of the outermost object.
type visitor = func(name string, value []byte)

// whole reads exactly one value. That a member is there twice is reported last: a text that is not JSON has no members
// that could.
func (w *walker) whole(visit visitor) error {
	w.space()
	if err := w.value(w.limits.Depth, visit); err != nil {
		return err
	}
	switch w.space(); {
	case w.at < len(w.text):
		return ErrTrailing
	case w.twice:
		return ErrTwice
	}
	return nil
}

// peek returns the next byte, or 0 at the end, which is not valid anywhere in JSON.
func (w *walker) peek() byte {
	if w.at < len(w.text) {
		return w.text[w.at]
	}
	return 0
}

// next steps over a byte if it is this one.
func (w *walker) next(c byte) bool {
	if w.peek() != c {
		return false
	}
	w.at++
	return true
}

// space steps over white space: these four bytes and no others that Unicode has.
func (w *walker) space() {
	for w.at < len(w.text) {
		switch w.text[w.at] {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return
		}
	}
}

// value reads a value that may nest at most so deep. Visit is called for the members of an object, but not for those of
// nested objects.
func (w *walker) value(depth int, visit visitor) error {
	// Counted as they begin, so that a text with too many is refused before it is read to its end.
	if w.values++; w.values > w.limits.Values {
		return ErrTooLong
	}
	ok := false
	switch c := w.peek(); c {
	case '{', '[':
		if depth <= 0 {
			return ErrTooDeep
		}
		w.at++
		if c == '{' {
			return w.object(depth-1, visit)
		}
		return w.list(depth - 1)
	case '"':
		ok = w.str()
	case 't':
		ok = w.word("true")
	case 'f':
		ok = w.word("false")
	case 'n':
		ok = w.word("null")
	default:
		ok = w.number()
	}
	if !ok {
		return ErrNotJSON
	}
	return nil
}

// object goes over the rest of an object. The names of all objects that are open lie on one stack, of which this one
// has the part from outer on, so that deep texts need no memory of their own at each level.
func (w *walker) object(depth int, visit visitor) error {
	outer := len(w.names)
	if w.space(); w.next('}') {
		return nil
	}
	for {
		// Before the member is read, whose value may be long.
		if len(w.names)-outer >= w.limits.Members {
			return ErrTooMany
		}
		if err := w.member(depth, visit); err != nil {
			return err
		}
		if w.next('}') {
			w.twice = w.twice || double(w.names[outer:])
			w.names = w.names[:outer]
			return nil
		}
		if !w.next(',') {
			return ErrNotJSON
		}
		w.space()
	}
}

// member goes over a name and its value. Names are compared as what they mean: an escape makes no other name.
func (w *walker) member(depth int, visit visitor) error {
	start := w.at
	if w.peek() != '"' || !w.str() {
		return ErrNotJSON
	}
	name := w.text[start+1 : w.at-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		decoded, _ := String(w.text[start:w.at])
		name = []byte(decoded)
	}
	w.names = append(w.names, name)
	if w.space(); !w.next(':') {
		return ErrNotJSON
	}
	w.space()
	start = w.at
	if err := w.value(depth, nil); err != nil {
		return err
	}
	if visit != nil {
		visit(string(name), w.text[start:w.at])
	}
	w.space()
	return nil
}

// list goes over the rest of a list. Its length is bounded by that of the text alone, since an element costs no more
// than its bytes.
func (w *walker) list(depth int) error {
	if w.space(); w.next(']') {
		return nil
	}
	for {
		if err := w.value(depth, nil); err != nil {
			return err
		}
		if w.space(); w.next(']') {
			return nil
		}
		if !w.next(',') {
			return ErrNotJSON
		}
		w.space()
	}
}

// str reads a string, and reports whether it is valid.
func (w *walker) str() bool {
	for w.at++; w.at < len(w.text); w.at++ {
		switch c := w.text[w.at]; {
		case c == '"':
			w.at++
			return true
		// Control characters must be escaped, line ends among them.
		case c < ' ':
			return false
		case c == '\\':
			w.at++
			if !w.escape() {
				return false
			}
		}
	}
	return false
}

// escape reads what follows a backslash, and stops at its last byte.
func (w *walker) escape() bool {
	switch w.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			w.at++
			if strings.IndexByte("0123456789abcdefABCDEF", w.peek()) < 0 {
				return false
			}
		}
		return true
	}
	return false
}

// word reports whether one of the three words of JSON follows, and steps over it.
func (w *walker) word(word string) bool {
	if !bytes.HasPrefix(w.text[w.at:], []byte(word)) {
		return false
	}
	w.at += len(word)
	return true
}

// number reports whether a number follows that JSON knows: no sign but a minus, no zero before other digits, and digits
// on both sides of a point.
func (w *walker) number() bool {
	w.next('-')
	if !w.next('0') && !w.digits() {
		return false
	}
	if w.next('.') && !w.digits() {
		return false
	}
	// With this bit set, a capital is a small letter.
	if w.peek()|0x20 != 'e' {
		return true
	}
	w.at++
	if !w.next('+') {
		w.next('-')
	}
	return w.digits()
}

// digits reads digits, and reports whether there was at least one.
func (w *walker) digits() bool {
	start := w.at
	for c := w.peek(); c >= '0' && c <= '9'; c = w.peek() {
		w.at++
	}
	return w.at > start
}

// few is up to how many names are compared pairwise; more are sorted first.
const few = 8

// double reports whether two names are equal.
func double(names [][]byte) bool {
	if len(names) <= few {
		for i, name := range names {
			for _, other := range names[:i] {
				if bytes.Equal(name, other) {
					return true
				}
			}
		}
		return false
	}
	// In place: the names are dropped when their object has been read.
	slices.SortFunc(names, bytes.Compare)
	for i := 1; i < len(names); i++ {
		if bytes.Equal(names[i-1], names[i]) {
			return true
		}
	}
	return false
}
