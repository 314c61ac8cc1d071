package transport

import (
	"time"

	"github.com/99designs/gqlgen/graphql"

	"petitiond/server/operation"
	"petitiond/server/transport/connection"
)

// Limits bounds what requests and answers may take. Its zero value does not mean "no limit" and is of no use: start
// from [DefaultLimits].
type Limits struct {
	operation.Limits
	connection.Bounds

	// Body is how many bytes a request's body may have, or a WebSocket message. By default it is enough for the longest
	// texts that an operation of ours takes, in every script: some clients escape each letter with six bytes, and one
	// beyond Unicode's first plane with twelve. Proxies commonly allow as much.
	Body int64

	Operation time.Duration // execution of a query or mutation
	Write     time.Duration // sending an answer; enforced by the HTTP server

	InFlight  int           // queries and mutations that run at once
	Wait      time.Duration // for a place among them
	EventCost int           // points a second that events of one address may cost, if they are read

	AnswerSize  int // bytes of an answer; see onConnection
	AnswerBytes int // memory for answers that are shared
}

// DefaultLimits returns the limits that apply unless the operator sets others.
func DefaultLimits() Limits {
	return Limits{
		Body:   768 << 10,
		Limits: operation.DefaultLimits(),
		Bounds: connection.Bounds{
			Sockets:           60000,
			SocketsPerAddress: 200,
			SocketOperations:  20,
			Messages:          20,
			MessageBurst:      50,
			InitPayload:       16 << 10,

			Read:  10 * time.Second,
			Event: 10 * time.Second,
			Init:  5 * time.Second,
			Ping:  15 * time.Second, // with Pong: a client that has stopped reading is dropped within 30 s
			Pong:  12 * time.Second,
			Age:   4 * time.Hour,
		},
		Operation: 5 * time.Second,
		Write:     15 * time.Second,

		InFlight:  200,
		Wait:      time.Second,
		EventCost: 1000,

		AnswerSize:  4 << 20,
		AnswerBytes: 64 << 20,
	}
}

// onConnection returns how many bytes an answer may have over a WebSocket or an event stream, where it waits in memory
// until the client has read it.
func (l Limits) onConnection() int { return l.AnswerSize / 4 }

// within returns the time d from now by the clock of connections. Deadlines do not use the clock that the domain is
// given.
func within(d time.Duration) time.Time { return now().Add(d) }

// now is the clock of connections and deadlines, as opposed to that of the domain.
func now() time.Time { return graphql.Now() }
