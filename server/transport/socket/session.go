package socket

import (
	"encoding/json"
	"iter"
	"slices"
)

// Kind says what a client wants.
type Kind byte

// The kinds of messages. KindRefused is a subscribe that exceeds the number of operations: it is answered with an error
// for its id, and the connection stays open.
const (
	KindNone Kind = iota
	KindInit
	KindSubscribe
	KindComplete
	KindPing
	KindPong
	KindRefused
)

// Event is a message from the client.
type Event struct {
	Kind    Kind
	ID      string          // of subscribe, complete and a refused subscribe
	Payload json.RawMessage // an object or nil; it is a part of the message and valid as long as that
}

// Session is the server's side of graphql-transport-ws on one connection. T is what the server keeps for an operation.
// The zero value is a connection that has just been opened. A Session sends nothing itself and has no clock.
type Session[T any] struct {
	operations []operation[T] // nil when there are none
	stage      stage
}

// operation is one that is under way. There are few on a connection, so that a list is smaller than a map and as fast.
type operation[T any] struct {
	id string
	of T
}

type stage byte

const (
	opened stage = iota
	initialising
	ready
)

// Receive judges a message that [Parse] has read by the connection's state. What the protocol forbids is returned as
// the way to close the connection. The caller answers the rest: - KindInit by Acknowledged and an ack, or by closing
// with 4403, - KindSubscribe by Begin, and results; or by an error without Begin, - KindComplete by End, without any
// message, - KindPing by a pong with the same payload, - KindRefused by an error, - KindPong and KindNone by nothing.
// The latter is a complete for an operation that is over already.
func (s *Session[T]) Receive(l *Limits, event Event) (Event, *Closing) {
	switch event.Kind {
	case KindInit:
		if s.stage != opened {
			return Event{}, ErrTooManyInits
		}
		s.stage = initialising
	case KindSubscribe:
		switch {
		case s.stage != ready:
			return Event{}, ErrUnauthorized
		case s.index(event.ID) >= 0:
			return Event{}, &Closing{SubscriberExists, "Subscriber for " + event.ID + " already exists"}
		case len(s.operations) >= l.Operations:
			event.Kind = KindRefused
		}
	case KindComplete:
		if s.index(event.ID) < 0 {
			return Event{}, nil
		}
	}
	return event, nil
}

// Acknowledged records that connection_init was acknowledged. Operations are allowed from now on.
func (s *Session[T]) Acknowledged() { s.stage = ready }

// Ready reports whether the connection was acknowledged.
func (s *Session[T]) Ready() bool { return s.stage == ready }

// Initialising reports whether connection_init was received and is not acknowledged yet. A connection that is neither
// initialising nor ready after a while should be closed with [ErrInitTimeout].
func (s *Session[T]) Initialising() bool { return s.stage == initialising }

// Begin records the operation of a subscribe that was received.
func (s *Session[T]) Begin(id string, of T) {
	if i := s.index(id); i >= 0 {
		s.operations[i].of = of
		return
	}
	s.operations = append(s.operations, operation[T]{id, of})
}

// Find returns the operation that has that id.
func (s *Session[T]) Find(id string) (of T, ok bool) {
	if i := s.index(id); i >= 0 {
		return s.operations[i].of, true
	}
	return of, false
}

// End forgets an operation, whichever side has completed it, and returns it. Its id may be used again. If ok is false,
// the operation had already ended, and no message about it must be sent.
func (s *Session[T]) End(id string) (of T, ok bool) {
	i := s.index(id)
	if i < 0 {
		return of, false
	}
	of = s.operations[i].of
	// The list is let go with its last operation: a connection without one keeps no memory for them.
	if len(s.operations) == 1 {
		s.operations = nil
	} else {
		s.operations = slices.Delete(s.operations, i, i+1)
	}
	return of, true
}

// Len returns how many operations are under way.
func (s *Session[T]) Len() int { return len(s.operations) }

// Operations yields the operations under way, the oldest first. The one that was just yielded may be ended within the
// loop.
func (s *Session[T]) Operations() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for i := 0; i < len(s.operations); {
			o := s.operations[i]
			if !yield(o.id, o.of) {
				return
			}
			if i < len(s.operations) && s.operations[i].id == o.id {
				i++
			}
		}
	}
}

// index returns where an operation is, or -1. There are few: a map would cost more than it saves.
func (s *Session[T]) index(id string) int {
	return slices.IndexFunc(s.operations, func(o operation[T]) bool { return o.id == id })
}
