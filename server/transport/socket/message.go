package socket

import "encoding/json"

const (
	idMember       = `{"id":`
	nextMember     = `,"type":"next","payload":`
	errorMember    = `,"type":"error","payload":`
	completeMember = `,"type":"complete"}`
	payloadMember  = `,"payload":`
	ackMember      = `{"type":"connection_ack"`
	pongMember     = `{"type":"pong"`
	end            = '}'
)

// Quote returns an id as the JSON string that the messages below take. It is the same for all messages of an operation,
// so it is made once.
func Quote(id string) string {
	text, _ := json.Marshal(id) // a string cannot fail
	return string(text)
}

// AppendAck appends the answer to connection_init. The payload, a JSON object, may be nil.
func AppendAck(dst, payload []byte) []byte { return appendBare(dst, ackMember, payload) }

// AppendPong appends the answer to a ping, whose payload it repeats.
func AppendPong(dst, payload []byte) []byte { return appendBare(dst, pongMember, payload) }

// AppendNext appends one result of an operation. The id comes first: all that follows is the same for all clients with
// the same subscription.
func AppendNext(dst []byte, quotedID string, payload []byte) []byte {
	dst = append(append(dst, idMember...), quotedID...)
	dst = append(append(dst, nextMember...), payload...)
	return append(dst, end)
}

// NextSize returns how many bytes AppendNext appends for a payload of that size. The frame's header needs it.
func NextSize(quotedID string, payload int) int {
	return len(idMember) + len(quotedID) + len(nextMember) + payload + 1
}

// AppendError appends a message with the errors, a JSON list, with which an operation failed. Nothing follows it, not
// even complete.
func AppendError(dst []byte, quotedID string, errors []byte) []byte {
	dst = append(append(dst, idMember...), quotedID...)
	dst = append(append(dst, errorMember...), errors...)
	return append(dst, end)
}

// AppendComplete appends the message that ends an operation.
func AppendComplete(dst []byte, quotedID string) []byte {
	dst = append(append(dst, idMember...), quotedID...)
	return append(dst, completeMember...)
}

// appendBare appends a message that belongs to no operation.
func appendBare(dst []byte, start string, payload []byte) []byte {
	dst = append(dst, start...)
	if len(payload) > 0 {
		dst = append(append(dst, payloadMember...), payload...)
	}
	return append(dst, end)
}
