// Package errcode lists the codes that programs read in extensions.code of an error, whoever reports it.
package errcode

// What is wrong with a request, before anything was executed. All but the first speak of its document and variables.
const (
	BadRequest       = "BAD_REQUEST" // it is not well formed
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

// Those of the domain, of which the protocol has some too. Errors of users in payloads bear more, which are the domain's
// alone.
const (
	Forbidden      = "FORBIDDEN"
	NotFound       = "NOT_FOUND"
	BadUserInput   = "BAD_USER_INPUT"
	RateLimited    = "RATE_LIMITED"
	OutcomeUnknown = "OUTCOME_UNKNOWN"
	Unavailable    = "UNAVAILABLE"
	Internal       = "INTERNAL"
)

// Published are the codes of which the README tells. No other leaves: an error with another code is one that nobody
// thought of.
var Published = map[string]bool{
	BadRequest: true, ParseFailed: true, ValidationFailed: true, LimitExceeded: true, UnknownDocument: true, NotPersisted: true,
	Unauthenticated: true, MethodNotAllowed: true, PayloadTooLarge: true, UnsupportedMediaType: true, Timeout: true,
	Forbidden: true, NotFound: true, BadUserInput: true, RateLimited: true, OutcomeUnknown: true, Unavailable: true, Internal: true,
}
