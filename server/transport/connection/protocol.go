package connection

import (
	"strconv"

	"petitiond/server/transport/socket"
)

// Protocol is what is spoken on a connection.
type Protocol uint8

// The protocols.
const (
	Socket Protocol = iota // graphql-transport-ws
	Events                 // server-sent events, for one operation
	Stream                 // server-sent events, for operations that are sent beside it
	Parts                  // a multipart response, for one operation
)

// single reports whether a connection is for one operation, and ends with it.
func (p Protocol) single() bool { return p == Events || p == Parts }

// Head returns what a stream begins with, which shows the client that it is open before there is an answer.
func (p Protocol) Head() string {
	if p == Parts {
		return partsHead + heartbeat
	}
	return p.heartbeat()
}

// appendNext appends the message that carries an event of an operation. The id is a JSON string.
func (p Protocol) appendNext(out []byte, id string, e event) []byte {
	switch p {
	case Socket:
		// The size is worked out beforehand, so the body is copied once, behind its frame's header, and not into a
		// message first.
		out = socket.AppendHeader(out, socket.Text, socket.NextSize(id, len(e.body)))
		return socket.AppendNext(out, id, e.body)
	case Events:
		return appendEvent(out, "next", e.Version, e.body)
	case Parts:
		return appendPart(out, e.body)
	default:
		out = append(out, "event: next\ndata: "...)
		out = appendMember(out, id, e.body)
		return append(out, "\n\n"...)
	}
}

// appendEnd appends the message that ends an operation: with errors if it failed, otherwise "complete".
func (p Protocol) appendEnd(out []byte, id string, errs []byte) []byte {
	if p == Socket {
		if errs != nil {
			return socket.AppendFrame(out, socket.Text, socket.AppendError(nil, id, errs))
		}
		return socket.AppendFrame(out, socket.Text, socket.AppendComplete(nil, id))
	}
	if errs != nil {
		// Event streams have no message for errors: they are an answer without data, as over HTTP.
		body := append(append([]byte(`{"errors":`), errs...), '}')
		out = p.appendNext(out, id, event{body: body})
	}
	switch p {
	case Events:
		return appendEvent(out, "complete", 0, nil)
	case Parts:
		return append(out, partsEnd...)
	}
	out = append(out, "event: complete\ndata: "...)
	out = appendMember(out, id, nil)
	return append(out, "\n\n"...)
}

// Refusal returns the whole of a stream for an operation that was refused before the stream was opened: the errors, and
// the end.
func (p Protocol) Refusal(errs []byte) []byte {
	var out []byte
	if p == Parts {
		out = []byte(partsHead)
	}
	return p.appendEnd(out, "", errs)
}

// appendEvent appends a server-sent event. A version above 0 becomes its id, which the client sends when it reconnects.
func appendEvent(out []byte, name string, version int64, body []byte) []byte {
	out = append(append(out, "event: "...), name...)
	if version > 0 {
		out = strconv.AppendInt(append(out, "\nid: "...), version, 10)
	}
	out = append(out, "\ndata:"...) // even without a body: a browser ignores an event without data
	if len(body) > 0 {
		out = append(append(out, ' '), body...)
	}
	return append(out, "\n\n"...)
}

// appendMember appends the JSON message of one operation on a stream that carries several.
func appendMember(out []byte, id string, payload []byte) []byte {
	out = append(append(out, `{"id":`...), id...)
	if payload != nil {
		out = append(append(out, `,"payload":`...), payload...)
	}
	return append(out, '}')
}
