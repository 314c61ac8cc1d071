// Package errcode lists the codes that programs read in extensions.code of an error, whichever package reports it.
package errcode

// Errors in a request, before anything is executed. All but the first are about its document and variables.
const (
	BadRequest       = "BAD_REQUEST" // the request is malformed
	ParseFailed      = "GRAPHQL_PARSE_FAILED"
	ValidationFailed = "GRAPHQL_VALIDATION_FAILED"
	LimitExceeded    = "LIMIT_EXCEEDED"
	UnknownDocument  = "PERSISTED_QUERY_NOT_FOUND"
	NotPersisted     = "PERSISTED_QUERY_NOT_SUPPORTED"
)

// The protocol's own.
const (
	Unauthenticated      = "UNAUTHENTICATED"
	MethodNotAllowed     = "METHOD_NOT_ALLOWED"
	PayloadTooLarge      = "PAYLOAD_TOO_LARGE"
	UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
	Timeout              = "TIMEOUT"
)

// Those of the domain, some of which the protocol uses, too. User errors in payloads have further codes, which are the
// domain's own.
const (
	Forbidden      = "FORBIDDEN"
	NotFound       = "NOT_FOUND"
	BadUserInput   = "BAD_USER_INPUT"
	RateLimited    = "RATE_LIMITED"
	OutcomeUnknown = "OUTCOME_UNKNOWN"
	Unavailable    = "UNAVAILABLE"
	Internal       = "INTERNAL"
)

// Published are the codes that the README documents. No other code is sent to clients: an error with another code is
// one that nobody thought of.
var Published = map[string]bool{
	BadRequest: true, ParseFailed: true, ValidationFailed: true, LimitExceeded: true, UnknownDocument: true, NotPersisted: true,
	Unauthenticated: true, MethodNotAllowed: true, PayloadTooLarge: true, UnsupportedMediaType: true, Timeout: true,
	Forbidden: true, NotFound: true, BadUserInput: true, RateLimited: true, OutcomeUnknown: true, Unavailable: true, Internal: true,
}
