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

// Quote returns an id as the JSON string that the messages below begin with.
// It is the same for all messages of an operation.
func Quote(id string) string {
	text, _ := json.Marshal(id) // a string cannot fail
	return string(text)
}

// AppendAck appends the answer to connection_init. The payload, a JSON object,
// may be nil.
func AppendAck(dst, payload []byte) []byte { return appendBare(dst, ackMember, payload) }

// AppendPong appends the answer to a ping, whose payload it repeats.
func AppendPong(dst, payload []byte) []byte { return appendBare(dst, pongMember, payload) }

// AppendNext appends one result of an operation. The id stands first, so that
// all that follows is the same for everybody who watches the same.
func AppendNext(dst []byte, quotedID string, payload []byte) []byte {
	dst = append(append(dst, idMember...), quotedID...)
	dst = append(append(dst, nextMember...), payload...)
	return append(dst, end)
}

// NextSize returns how many bytes AppendNext appends for a payload of that
// size, for the frame's header.
func NextSize(quotedID string, payload int) int {
	return len(idMember) + len(quotedID) + len(nextMember) + payload + 1
}

// AppendError appends why an operation failed, as a JSON list of errors.
// Nothing follows it, also no complete.
func AppendError(dst []byte, quotedID string, errors []byte) []byte {
	dst = append(append(dst, idMember...), quotedID...)
	dst = append(append(dst, errorMember...), errors...)
	return append(dst, end)
}

// AppendComplete appends that an operation has no more results.
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
