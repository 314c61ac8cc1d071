package connection

import (
	"bytes"
	"context"
	"strings"

	"petitiond/server/operation"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/socket"
)

// Close codes for cases to which graphql-transport-ws assigns none.
const (
	tryLater        = 1013
	tooManyMessages = socket.TooManyInits // too many of something, as there
)

// receive handles one message or control frame. It needs mu.
func (c *Conn) receive(op socket.Opcode, payload []byte) error {
	if c.gone || c.leaving {
		return nil
	}
	switch op {
	case socket.CloseFrame:
		return c.answerClose(payload)
	case socket.Pong:
		// The answer to our ping takes no token: a client must not be closed for too many messages because we asked it
		// often.
		if c.life.asked != 0 {
			c.life.asked = 0
			return nil
		}
	}
	if !c.in.rate.take(c.keeper.ticks(), c.keeper.Limits.Messages, c.keeper.Limits.MessageBurst, len(payload)) {
		return &socket.Closing{Code: tooManyMessages, Reason: "Too many messages"}
	}
	switch op {
	case socket.Pong: // unsolicited
		return nil
	case socket.Ping:
		c.write(socket.AppendFrame(nil, socket.Pong, payload))
		return nil
	case socket.Text:
		return c.text(payload)
	default:
		return &socket.Closing{Code: socket.BadRequest, Reason: "Messages must be text"}
	}
}

// answerClose answers a close frame.
func (c *Conn) answerClose(payload []byte) error {
	code, _, err := socket.ParseClose(payload)
	if err != nil {
		return err
	}
	c.close(code, "")
	return nil
}

// atOnce is how many bytes a message may have to be parsed right away, by the goroutine that reads all connections.
const atOnce = 4 << 10

// text handles a text message. A long one is parsed by a goroutine of its own, lest other clients wait for it.
// Meanwhile nothing more is read from this client; messages that arrived together with the long one wait in texts. It
// needs mu.
func (c *Conn) text(text []byte) error {
	if len(text) > atOnce || len(c.in.texts) > 0 {
		c.in.texts = append(c.in.texts, bytes.Clone(text))
		// The first starts the goroutine that reads all of them, one after the other: what a client sends is handled in
		// its order.
		if len(c.in.texts) == 1 {
			c.out.conn.Pause()
			c.in.paused = c.keeper.ticks()
			go c.read()
		}
		return nil
	}
	m, closing := c.keeper.parse(text)
	if closing != nil {
		return closing
	}
	began, closing := c.handle(m)
	if closing != nil {
		return closing
	}
	if began != nil {
		// Parsing, validating and pricing may take milliseconds, and a mutation waits for the disk: neither is for this
		// goroutine.
		go func() { began.begin(began.judge()) }()
	}
	return nil
}

// read handles the messages that wait in texts, and then resumes reading from the client.
func (c *Conn) read() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.in.texts) > 0 && !c.gone && !c.leaving {
		text := c.in.texts[0]
		c.mu.Unlock()
		// Its place in texts is kept meanwhile, so that a message which arrives now waits behind it and starts no
		// second reader.
		c.readOne(text)
		c.mu.Lock()
		c.in.texts = c.in.texts[1:]
	}
	c.in.texts = nil
	c.hold()
	if c.gone {
		return
	}
	// Nothing was read from the client meanwhile, so the pause must not count against its time limits. Their clocks do
	// not start again either: a client that never reads could otherwise stay by sending a long message now and then.
	for _, since := range []*int32{&c.life.asked, &c.in.halved, &c.out.stalled} {
		if *since != 0 {
			*since += c.keeper.ticks() - max(c.in.paused, *since)
		}
	}
	// Also for a connection that is leaving: it is the poller that notices when its client hangs up.
	if c.out.conn.Resume() != nil {
		c.drop()
	}
}

// readOne parses a message as soon as there is room. The number of messages parsed at once is limited, to leave the
// loop a processor.
func (c *Conn) readOne(text []byte) {
	c.keeper.Readers <- struct{}{}
	defer func() { <-c.keeper.Readers }()
	m, closing := c.keeper.parse(text)
	var began *request
	c.mu.Lock()
	c.in.texts[0] = nil // what it asks for takes memory of its own
	c.hold()
	if closing == nil && !c.gone && !c.leaving {
		began, closing = c.handle(m)
	}
	if closing != nil {
		c.close(closing.Code, closing.Reason)
	}
	c.mu.Unlock()
	if began != nil {
		// Still within the semaphore, since validating a long request takes time as well. Running it does not count: it
		// has its own limit of what runs at once, and may wait there.
		op := began.judge()
		go began.begin(op)
	}
}

// message is a parsed message with the credential that it carries.
type message struct {
	socket.Event

	authorization string
	authorized    bool // a credential was given
}

// parse reads a message without regard to the connection's state.
func (k *Keeper) parse(text []byte) (m message, closing *socket.Closing) {
	m.Event, closing = socket.Parse(&k.messages, text)
	if closing == nil && m.Kind == socket.KindInit && m.Payload != nil {
		m.authorization, m.authorized, closing = credentialIn(m.Payload, k.JSON)
	}
	return m, closing
}

// handle does what a message asks for. An operation is returned, to be checked without the lock. It needs mu.
func (c *Conn) handle(m message) (*request, *socket.Closing) {
	e, closing := c.session.Receive(&c.keeper.messages, m.Event)
	if closing != nil {
		return nil, closing
	}
	switch e.Kind {
	case socket.KindInit:
		c.initialise(m)
	case socket.KindPing:
		c.write(socket.AppendFrame(nil, socket.Text, socket.AppendPong(nil, e.Payload)))
	case socket.KindComplete:
		c.release(e.ID)
	case socket.KindRefused:
		f := fault.Flaw(operation.Exceeded("socketOperations", c.keeper.Limits.SocketOperations,
			"This connection has too many operations. Complete one first."))
		c.write(socket.AppendFrame(nil, socket.Text, socket.AppendError(nil, socket.Quote(e.ID), f.JSON())))
	case socket.KindSubscribe:
		// The credential may have ended since it was last looked at.
		if c.expire(); c.gone || c.leaving {
			return nil, nil
		}
		taken := operation.RequestMemory(len(e.Payload))
		if !c.keeper.Requests.Of(c.address).Take(taken) {
			c.write(socket.AppendFrame(nil, socket.Text, socket.AppendError(nil, socket.Quote(e.ID), fault.NoRoom().JSON())))
			return nil, nil
		}
		b := &request{
			// Copies, since the event is a part of the message, whose bytes are used again for the next.
			task: &task{conn: c, name: strings.Clone(e.ID), id: socket.Quote(e.ID), taken: taken},
			who:  c.keeper.Credentials.Identity(c.who), payload: bytes.Clone(e.Payload),
		}
		b.ctx, b.task.end = context.WithCancel(c.keeper.lasting(b.who, c.id))
		// Before the operation is checked: a complete that follows at once must find it, and a second subscribe with
		// its id must not (the protocol closes the connection with 4409).
		c.session.Begin(b.task.name, b.task)
		return b, nil
	}
	return nil, nil
}

// waiting returns how many messages wait to be read, and their bytes.
func (c *Conn) waiting() (messages, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.in.texts), c.in.waiting()
}

// request is an operation from a message that has not been checked yet.
type request struct {
	ctx     context.Context //nolint:containedctx // that of the operation
	task    *task
	who     credential.Identity
	payload []byte
}

// judge returns the operation if it may run. Otherwise it sends the client the reason and returns nil.
func (b *request) judge() *operation.Operation {
	defer b.task.recoverPanic(b.ctx)
	op, f := b.task.conn.keeper.Host.Prepare(b.payload)
	// CORS does not apply to WebSockets, so what a page may only read is enforced here for each operation.
	if f == nil {
		f = b.task.conn.forbid(op.Kind())
	}
	if f != nil {
		b.task.refuse(f)
		return nil
	}
	return op
}

// begin runs what judge returned.
func (b *request) begin(op *operation.Operation) {
	if op != nil {
		b.task.run(b.ctx, b.who, op)
	}
}
