package connection

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"petitiond/server/answerbudget"
	"petitiond/server/eventmark"
	"petitiond/server/operation"
	"petitiond/server/strictjson"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
)

// Host runs what clients ask for over connections.
type Host interface {
	// Prepare returns the operation that a request in JSON asks for.
	Prepare(request []byte) (*operation.Operation, *fault.Fault)
	// Answer runs a query or a mutation, and returns its answer in no more than Limits.Answer bytes.
	Answer(ctx context.Context, anonymous bool, op *operation.Operation) ([]byte, *fault.Fault)
	// Subscribe begins a subscription. The returned function waits for the next event. At the end it returns a nil
	// event, with the fault that ended the subscription if there was one. From returns addresses of some who subscribe
	// at present, to one of which an event may be charged.
	Subscribe(ctx context.Context, op *operation.Operation, from func() []netip.Prefix) func() (*Event, *fault.Fault)
	// Impersonal reports whether the events of a subscription are the same for all who may see them at all.
	Impersonal(op *operation.Operation) bool
}

// Event is an answer of a subscription.
type Event struct {
	eventmark.Mark

	Body []byte // in JSON
}

// Bounds bounds what connections may take. For the defaults see DefaultLimits of package transport.
type Bounds struct {
	Sockets           int // open connections: WebSockets and event streams
	SocketsPerAddress int // of one IPv4 address, or one /64 of IPv6; 0: no limit
	SocketOperations  int // on one connection at once
	Messages          int // a second that a client may send
	MessageBurst      int // messages that a client may send at once
	InitPayload       int // bytes of the payload of connection_init

	Read  time.Duration // for 64 KiB of a message or a body to arrive, or all of a shorter one; the HTTP server enforces the latter
	Event time.Duration // for the client to take what was written to it
	Init  time.Duration // for connection_init to arrive
	Ping  time.Duration // between pings or comments that check a connection
	Pong  time.Duration // for the answer to a ping to arrive
	Age   time.Duration // of a connection, roughly: then it is closed and the client reconnects
}

// Options configures a Keeper. All fields are required.
type Options struct {
	Host        Host
	Limits      Bounds
	Message     int64             // bytes of a message
	Answer      int               // bytes of an answer, and of all events together that a feed keeps
	JSON        strictjson.Limits // of messages
	Credentials *credential.Registry
	Memory      *answerbudget.Memory // of answers
	MemorySize  int64                // bytes of Memory; what is kept may take three eighths as much besides
	Requests    *answerbudget.Memory // of long requests
	// Readers is a semaphore: its capacity is how many long messages may be read at once.
	Readers chan struct{}
	// Alive is the context of all that outlives its request; Running waits for the goroutines that run in it.
	Alive   context.Context //nolint:containedctx // see above
	Running *sync.WaitGroup
	Now     func() time.Time
	Logger  *slog.Logger
}
