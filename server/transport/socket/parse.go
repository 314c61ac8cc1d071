package socket

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// The members of a message, as they stand in its text; nil is absent.
type message struct {
	id, kind, payload []byte
}

// invalid is a 4400 that says why.
func invalid(why string) *Closing { return &Closing{BadRequest, "Invalid message received: " + why} }

var (
	errNotJSON   = invalid("not one JSON value")
	errNotObject = invalid("not a JSON object")
	errType      = invalid("the type is missing, or none that clients send")
	errID        = invalid("the id is missing, or not a string of the allowed length")
	errPayload   = invalid("the payload has the wrong type")
	errInitSize  = invalid("the payload of connection_init is too big")
	errSubscribe = invalid("a member of the payload is missing or has the wrong type")
)

// parseMessage reads a message on its own, whatever the connection's state.
// Members that the protocol does not know are ignored, as its own server does.
func parseMessage(l *Limits, text []byte) (Event, *Closing) {
	m, closing := takeApart(text, l.JSONDepth+1) // the message is not counted
	if closing != nil {
		return Event{}, closing
	}
	kind, _ := unquote(m.kind)
	switch kind {
	case "connection_init":
		if len(m.payload) > l.InitPayload {
			return Event{}, errInitSize
		}
		return bare(KindInit, m)
	case "ping":
		return bare(KindPing, m)
	case "pong":
		return bare(KindPong, m)
	case "subscribe":
		return subscribe(l, m)
	case "complete":
		id, closing := m.identity(l)
		return Event{Kind: KindComplete, ID: id}, closing
	default:
		return Event{}, errType
	}
}

// bare is a message whose payload is an object, null or absent.
func bare(kind Kind, m message) (Event, *Closing) {
	if !absent(m.payload) && !isObject(m.payload) {
		return Event{}, errPayload
	}
	if absent(m.payload) {
		m.payload = nil
	}
	return Event{Kind: kind, Payload: m.payload}, nil
}

// subscribe checks the kinds of what stands in the payload; what it says is
// for who executes it.
func subscribe(l *Limits, m message) (Event, *Closing) {
	id, closing := m.identity(l)
	if closing != nil {
		return Event{}, closing
	}
	if !isObject(m.payload) {
		return Event{}, errPayload
	}
	var query []byte
	sound := true
	w := walker{text: m.payload}
	_ = w.object(l.JSONDepth, func(name string, value []byte) {
		switch name {
		case "query":
			query = value
		case "operationName":
			sound = sound && (absent(value) || isString(value))
		case "variables", "extensions":
			sound = sound && (absent(value) || isObject(value))
		}
	}) // it has been walked once already
	if !sound || !isString(query) {
		return Event{}, errSubscribe
	}
	return Event{Kind: KindSubscribe, ID: id, Payload: m.payload}, nil
}

// identity returns the id of an operation. One that is half of a surrogate
// pair could not be said in an answer.
func (m message) identity(l *Limits) (string, *Closing) {
	id, ok := unquote(m.id)
	escaped := bytes.IndexByte(m.id, '\\') >= 0
	if !ok || id == "" || len(id) > l.ID || escaped && strings.ContainsRune(id, utf8.RuneError) {
		return "", errID
	}
	return id, nil
}

func absent(value []byte) bool { return value == nil || value[0] == 'n' }

func isObject(value []byte) bool { return value != nil && value[0] == '{' }

func isString(value []byte) bool { return value != nil && value[0] == '"' }

// takeApart finds the members of a message. It is strict where encoding/json
// is lenient: no member of any object twice, bounded depth.
func takeApart(text []byte, depth int) (m message, closing *Closing) {
	if !json.Valid(text) {
		return m, errNotJSON
	}
	w := walker{text: text}
	if w.space(); w.text[w.at] != '{' {
		return m, errNotObject
	}
	err := w.object(depth, func(name string, value []byte) {
		switch name {
		case "id":
			m.id = value
		case "type":
			m.kind = value
		case "payload":
			m.payload = value
		}
	})
	if err != nil {
		return m, invalid(err.Error())
	}
	return m, nil
}

var (
	errTooDeep = errors.New("it nests objects or lists too deeply")
	errTwice   = errors.New("an object has a member twice")
)

// walker goes over JSON that is known to be valid, without decoding it.
type walker struct {
	text  []byte
	at    int
	names []string // of the members of the objects that at is in
}

func (w *walker) space() {
	for strings.IndexByte(" \t\r\n", w.text[w.at]) >= 0 {
		w.at++
	}
}

// object goes over the members of an object, each of which is told.
func (w *walker) object(depth int, tell func(name string, value []byte)) error {
	if depth <= 0 {
		return errTooDeep
	}
	w.at++
	outer := len(w.names)
	for w.space(); w.text[w.at] != '}'; w.space() {
		name, value, err := w.member(depth - 1)
		if err != nil {
			return err
		}
		w.names = append(w.names, name)
		if tell != nil {
			tell(name, value)
		}
	}
	w.at++
	own := w.names[outer:]
	w.names = w.names[:outer]
	return unique(own)
}

// member goes over one member, with the comma before it.
func (w *walker) member(depth int) (name string, value []byte, err error) {
	if w.text[w.at] == ',' {
		w.at++
		w.space()
	}
	start := w.at
	w.str()
	name, _ = unquote(w.text[start:w.at])
	w.space()
	w.at++ // the colon
	w.space()
	start = w.at
	err = w.value(depth)
	return name, w.text[start:w.at], err
}

func (w *walker) value(depth int) error {
	switch w.text[w.at] {
	case '{':
		return w.object(depth, nil)
	case '[':
		return w.list(depth)
	case '"':
		w.str()
	default:
		for w.at < len(w.text) && strings.IndexByte(" \t\r\n,]}", w.text[w.at]) < 0 {
			w.at++
		}
	}
	return nil
}

func (w *walker) list(depth int) error {
	if depth <= 0 {
		return errTooDeep
	}
	w.at++
	for w.space(); w.text[w.at] != ']'; w.space() {
		if w.text[w.at] == ',' {
			w.at++
			w.space()
		}
		if err := w.value(depth - 1); err != nil {
			return err
		}
	}
	w.at++
	return nil
}

// str goes over a string.
func (w *walker) str() {
	for w.at++; w.text[w.at] != '"'; w.at++ {
		if w.text[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
}

// unique sorts the names, since an object may have thousands.
func unique(names []string) error {
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i-1] == names[i] {
			return errTwice
		}
	}
	return nil
}

// unquote returns what a JSON string says. It is false for anything else.
func unquote(value []byte) (string, bool) {
	if !isString(value) {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err == nil
}
