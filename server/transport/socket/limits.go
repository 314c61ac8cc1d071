package socket

// Limits bounds what a client may send.
type Limits struct {
	ID          int // bytes of an operation's id
	InitPayload int // bytes of the payload of connection_init
	PingPayload int // bytes of the payload of a ping or a pong
	Operations  int // under way at the same time
	JSONDepth   int // objects and lists within each other in a payload
	JSONMembers int // of one object
}

// PingPayload is how many bytes the payload of a ping or a pong may have. The answer repeats it.
const PingPayload = 1 << 10

// maxFragments is how many fragments a message may have. Each costs work even if it is empty, and clients that fragment
// messages at all make few of them.
const maxFragments = 1000
