package socket

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// Closing is the code and the reason with which a connection is closed. The reason never repeats what the client sent,
// except for the operation id that the protocol demands in 4409.
type Closing struct {
	Code   int
	Reason string
}

// Error returns the code and the reason.
func (c *Closing) Error() string {
	return "websocket closed with " + strconv.Itoa(c.Code) + ": " + c.Reason
}

// Codes of RFC 6455. NoStatus stands for a close frame without a code; it is never sent.
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

// The closings of graphql-transport-ws whose reason is fixed, in the protocol's own words. They are shared and must not
// be changed.
var (
	ErrInvalid      = &Closing{BadRequest, "Invalid message received"}
	ErrUnauthorized = &Closing{Unauthorized, "Unauthorized"}
	ErrForbidden    = &Closing{Forbidden, "Forbidden"}
	ErrSubprotocol  = &Closing{SubprotocolUnacceptable, "Subprotocol not acceptable"}
	ErrInitTimeout  = &Closing{InitTimeout, "Connection initialisation timeout"}
	ErrTooManyInits = &Closing{TooManyInits, "Too many initialisation requests"}
)

var (
	errCloseLength = &Closing{ProtocolError, "A close frame's payload must be empty or begin with a code of two bytes"}
	errCloseCode   = &Closing{ProtocolError, "A close frame has a code that may not be sent"}
	errCloseReason = &Closing{NotUTF8, "A close frame's reason is not UTF-8"}
)

// ParseClose parses the payload of a close frame. An empty one is [NoStatus]. The error is a [*Closing].
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

// sendable reports whether a code may be sent: it may if RFC 6455 defines it, if IANA has registered it since, or if it
// is free for libraries and applications. 1004, 1005, 1006 and 1015 are reserved.
func sendable(code int) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	default:
		return code >= 3000 && code <= 4999
	}
}
