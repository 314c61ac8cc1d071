// Package subscription lets those who find the events of a subscription say what each is about, or why there are no
// more. GraphQL's runtime passes on the data of an event and nothing beside it. So the answer that an event becomes is
// known before there is the event: it is asked for through the context, and the source of the event writes on it what
// it is about.
package subscription

import "context"

// Mark says what an event is about.
type Mark struct {
	// Topic names what the event tells the state of: a later event of the same topic takes its place, and those who
	// come later are sent the newest first. Without a topic an event tells what happened: it is sent to those who are
	// there, in order, and replaced by nothing.
	Topic string
	// Version grows with every event of a topic. A client that comes back with it is not sent again what it has.
	Version int64
}

// Answer is what the next event of a subscription becomes.
type Answer struct {
	Mark Mark
	// Err ends the subscription in place of an event.
	Err error
}

// Stream are the answers of one subscription.
type Stream struct{ asked chan *Answer }

type streamKey struct{}

// With returns a context for the start of a subscription whose events are asked for one by one.
func With(ctx context.Context) (context.Context, *Stream) {
	s := &Stream{asked: make(chan *Answer, 1)}
	return context.WithValue(ctx, streamKey{}, s), s
}

// Ask asks for the next event. What it returns is complete as soon as the event, or the end of the events, has come.
func (s *Stream) Ask() *Answer {
	select {
	case <-s.asked: // a source that knows nothing of this package left it
	default:
	}
	a := &Answer{}
	s.asked <- a
	return a
}

// Next waits until the next event is asked for, and returns the answer that it becomes. Where nobody asks, because the
// subscription was started without [With], that is at once. It returns nil when ctx ends.
func Next(ctx context.Context) *Answer {
	s, ok := ctx.Value(streamKey{}).(*Stream)
	if !ok {
		return &Answer{}
	}
	select {
	case a := <-s.asked:
		return a
	case <-ctx.Done():
		return nil
	}
}
