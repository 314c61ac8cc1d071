package connection

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"petitiond/server/budget"
	"petitiond/server/operation"
	"petitiond/server/strict"
	"petitiond/server/subscription"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
)

// Host runs what clients ask for over connections.
type Host interface {
	// Prepare returns the operation that a request in JSON asks for.
	Prepare(request []byte) (*operation.Operation, *fault.Fault)
	// Answer runs a query or a mutation, and returns its answer in no more than Limits.Answer bytes.
	Answer(ctx context.Context, anonymous bool, op *operation.Operation) ([]byte, *fault.Fault)
	// Subscribe begins a subscription. The function that it returns waits for the next event. It returns nil at the
	// end, or why there are no more.
	Subscribe(ctx context.Context, op *operation.Operation) func() (*Event, *fault.Fault)
	// Impersonal reports whether the events of a subscription are the same for all those who may see them at all.
	Impersonal(op *operation.Operation) bool
}

// Event is an answer of a subscription.
type Event struct {
	subscription.Mark

	Body []byte // in JSON
}

// Bounds is what a connection may take, and how long it may take. See DefaultLimits of package transport.
type Bounds struct {
	Sockets           int // open connections: WebSockets and event streams
	SocketsPerAddress int // of one IPv4 address, or one /64 of IPv6; 0: no limit
	SocketOperations  int // on one connection at once
	Messages          int // a second that a client may send
	MessageBurst      int // messages that may come at once
	InitPayload       int // bytes of the payload of connection_init

	Read  time.Duration // arrival of a message on a connection, or of a body: that one the HTTP server sees to
	Event time.Duration // departure of what was begun to be written on a connection
	Init  time.Duration // arrival of connection_init
	Ping  time.Duration // between proofs that a connection is there
	Pong  time.Duration // arrival of the answer to such a proof
	Age   time.Duration // of a connection, about: then the client connects again
}

// Options says what a Keeper keeps connections for, and within which bounds. All fields are needed.
type Options struct {
	Host        Host
	Limits      Bounds
	Message     int64         // bytes that a message may have, and requests that wait for a stream together
	Answer      int           // bytes that an answer may have, or all that a subscription has to tell
	JSON        strict.Limits // of messages
	Credentials *credential.Registry
	Memory      *budget.Memory
	// Readers has room for as many as may read long messages at once.
	Readers chan struct{}
	// Alive is the context of what outlives its request; Running holds what runs in it.
	Alive   context.Context //nolint:containedctx // see above
	Running *sync.WaitGroup
	Now     func() time.Time
	Logger  *slog.Logger
}
