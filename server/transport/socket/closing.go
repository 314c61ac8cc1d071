package socket

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// Closing is why a connection is closed, as its close frame says it. The
// reason never repeats what the client sent, save the id that the protocol
// wants to see in 4409.
type Closing struct {
	Code   int
	Reason string
}

// Error returns the code and the reason.
func (c *Closing) Error() string {
	return "websocket closed with " + strconv.Itoa(c.Code) + ": " + c.Reason
}

// Codes of RFC 6455. NoStatus is what a close frame without a code means; it
// is never on the wire.
const (
	GoingAway     = 1001
	ProtocolError = 1002
	NoStatus      = 1005
	NotUTF8       = 1007
	Policy        = 1008
	TooBig        = 1009
)

// Codes of graphql-transport-ws.
const (
	BadRequest              = 4400
	Unauthorized            = 4401
	Forbidden               = 4403
	SubprotocolUnacceptable = 4406
	InitTimeout             = 4408
	SubscriberExists        = 4409
	TooManyInits            = 4429
)

// The closings of graphql-transport-ws that need no more to be said, in the
// protocol's own words. They are shared: nobody changes them.
var (
	ErrInvalid      = &Closing{BadRequest, "Invalid message received"}
	ErrUnauthorized = &Closing{Unauthorized, "Unauthorized"}
	ErrForbidden    = &Closing{Forbidden, "Forbidden"}
	ErrSubprotocol  = &Closing{SubprotocolUnacceptable, "Subprotocol not acceptable"}
	ErrInitTimeout  = &Closing{InitTimeout, "Connection initialisation timeout"}
	ErrTooManyInits = &Closing{TooManyInits, "Too many initialisation requests"}
)

var (
	errCloseLength = &Closing{ProtocolError, "A close frame's payload is empty or begins with a code of two bytes"}
	errCloseCode   = &Closing{ProtocolError, "A close frame bears a code that may not be sent"}
	errCloseReason = &Closing{NotUTF8, "A close frame's reason is not UTF-8"}
)

// ParseClose takes a close frame's payload apart. An empty one is [NoStatus].
// The error is a [*Closing].
func ParseClose(payload []byte) (code int, reason string, err error) {
	if len(payload) == 0 {
		return NoStatus, "", nil
	}
	if len(payload) == 1 {
		return 0, "", errCloseLength
	}
	code = int(binary.BigEndian.Uint16(payload))
	switch {
	case !sendable(code):
		return 0, "", errCloseCode
	case !utf8.Valid(payload[2:]):
		return 0, "", errCloseReason
	}
	return code, string(payload[2:]), nil
}

// sendable reports whether a code may be on the wire: those that RFC 6455
// defines, those that IANA has added since, and what is free for libraries and
// applications. 1004, 1005, 1006 and 1015 are reserved.
func sendable(code int) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	default:
		return code >= 3000 && code <= 4999
	}
}
