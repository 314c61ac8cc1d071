package socket

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"petitiond/server/strictjson"
)

// Limits bounds what a client may send.
type Limits struct {
	ID          int // bytes of an operation's id
	InitPayload int // bytes of the payload of connection_init
	PingPayload int // bytes of the payload of a ping or a pong
	Operations  int // under way at the same time
	JSONDepth   int // objects and lists within each other in a payload
	JSONMembers int // of one object
}

// PingPayload is how many bytes the payload of a ping or a pong may have. The answer repeats it.
const PingPayload = 1 << 10

// The members of a message, as they stand in its text; nil is absent.
type message struct {
	id, kind, payload []byte
}

// invalid returns a 4400 with the reason.
func invalid(why string) *Closing { return &Closing{BadRequest, "Invalid message received: " + why} }

var (
	errNotJSON   = invalid("not one JSON value")
	errNotObject = invalid("not a JSON object")
	errType      = invalid("the type is missing, or not one that clients may send")
	errID        = invalid("the id is missing, or not a string of the allowed length")
	errPayload   = invalid("the payload has the wrong type")
	errInitSize  = invalid("the payload of connection_init is too big")
	errPingSize  = invalid("the payload of a ping or a pong is too big")
	errSubscribe = invalid("a member of the payload is missing or has the wrong type")
)

// Parse parses a text message, which must be valid UTF-8, without regard to the connection's state. Members that the
// protocol does not define are ignored, as its reference server does. If the message violates the protocol, Parse
// returns with what to close the connection.
func Parse(l *Limits, text []byte) (Event, *Closing) {
	m, closing := takeApart(l, text)
	if closing != nil {
		return Event{}, closing
	}
	kind, _ := strictjson.String(m.kind)
	switch kind {
	case "connection_init":
		return bare(KindInit, m, l.InitPayload, errInitSize)
	case "ping":
		return bare(KindPing, m, l.PingPayload, errPingSize)
	case "pong":
		return bare(KindPong, m, l.PingPayload, errPingSize)
	case "subscribe":
		return subscribe(l, m)
	case "complete":
		id, closing := m.identity(l)
		return Event{Kind: KindComplete, ID: id}, closing
	default:
		return Event{}, errType
	}
}

// bare returns a message whose payload must be an object of limited size, null or absent.
func bare(kind Kind, m message, most int, larger *Closing) (Event, *Closing) {
	// Before its form is looked at: a large payload is refused as that, whatever it holds.
	if len(m.payload) > most {
		return Event{}, larger
	}
	if !absent(m.payload) && !isObject(m.payload) {
		return Event{}, errPayload
	}
	if absent(m.payload) {
		m.payload = nil
	}
	return Event{Kind: kind, Payload: m.payload}, nil
}

// subscribe checks the types of the payload's members. Their meaning is up to the caller.
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
	limits := strictjson.Limits{Depth: l.JSONDepth, Members: l.JSONMembers}
	_ = limits.Object(m.payload, func(name string, value []byte) {
		switch name {
		case "query":
			query = value
		case "operationName":
			sound = sound && (absent(value) || isString(value))
		case "variables", "extensions":
			sound = sound && (absent(value) || isObject(value) || isEmptyList(value))
		}
	}) // the error was already ruled out when the message was parsed
	if !sound || !isString(query) {
		return Event{}, errSubscribe
	}
	return Event{Kind: KindSubscribe, ID: id, Payload: m.payload}, nil
}

// identity returns the id of an operation. An id with half a surrogate pair is refused, since it could not be repeated
// in an answer.
func (m message) identity(l *Limits) (string, *Closing) {
	id, ok := strictjson.String(m.id)
	escaped := bytes.IndexByte(m.id, '\\') >= 0
	if !ok || id == "" || len(id) > l.ID || escaped && strings.ContainsRune(id, utf8.RuneError) {
		return "", errID
	}
	return id, nil
}

func absent(value []byte) bool { return value == nil || value[0] == 'n' }

func isObject(value []byte) bool { return value != nil && value[0] == '{' }

// isEmptyList finds what PHP writes for an object without members.
func isEmptyList(value []byte) bool {
	return value != nil && value[0] == '[' && len(bytes.TrimLeft(value[1:], " \t\r\n")) == len("]")
}

func isString(value []byte) bool { return value != nil && value[0] == '"' }

// takeApart finds the members of a message.
func takeApart(l *Limits, text []byte) (m message, closing *Closing) {
	limits := strictjson.Limits{Depth: l.JSONDepth + 1, Members: l.JSONMembers} // the payload lies one level deeper
	err := limits.Object(text, func(name string, value []byte) {
		switch name {
		case "id":
			m.id = value
		case "type":
			m.kind = value
		case "payload":
			m.payload = value
		}
	})
	switch {
	case errors.Is(err, strictjson.ErrNotObject):
		return m, errNotObject
	case errors.Is(err, strictjson.ErrNotJSON), errors.Is(err, strictjson.ErrTrailing):
		return m, errNotJSON
	case err != nil:
		return m, invalid("it " + err.Error())
	}
	return m, nil
}
