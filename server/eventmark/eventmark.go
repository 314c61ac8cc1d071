// Package eventmark lets the source of a subscription's events say what each event is about, or with which error the
// events end. The GraphQL runtime passes on the data of an event and nothing else. The transport therefore creates the
// [Answer] before the event exists, and passes it to the source through the context; the source fills it in.
package eventmark

import "context"

// Mark says what an event is about.
type Mark struct {
	// Topic names what the event is the current state of: a later event of the same topic replaces it, and a client
	// that subscribes later is first sent the newest. An event without a topic reports that something happened: it goes
	// to those who are subscribed at the time, in order, and is never replaced.
	Topic string
	// Version grows with every event of a topic. A client that reconnects with it is not sent again what it already
	// has.
	Version int64
	// Denied marks the event by which its viewer learns that something is no longer to be seen. Others may still see it:
	// their subscription goes on under their own rights, with [Continue].
	Denied bool
}

// Answer describes the next event of a subscription.
type Answer struct {
	Mark Mark
	// Err is the error with which the subscription ends, instead of another event.
	Err error

	gate Gate
}

// Gate calls read when there is room for an event that has to be read, with a context that bounds the reading. Read
// reports whether there was anything, and what went wrong; the gate returns the error, or the one by which the reading
// was stopped. If there was anything, room is kept for computing the event.
type Gate func(ctx context.Context, read func(context.Context) (found bool, err error)) error

// Read calls read as soon as there is room for it: the source calls it when there are news, and takes them within read,
// when they may have become newer. See [Gate].
func (a *Answer) Read(ctx context.Context, read func(context.Context) (found bool, err error)) error {
	if a.gate == nil {
		_, err := read(ctx)
		return err
	}
	return a.gate(ctx, read)
}

// Stream passes the answers of one subscription to its source.
type Stream struct{ asked chan *Answer }

type streamKey struct{}

// With returns a context in which to start a subscription, and the Stream with which to ask for its events.
func With(ctx context.Context) (context.Context, *Stream) {
	s := &Stream{asked: make(chan *Answer, 1)}
	return context.WithValue(ctx, streamKey{}, s), s
}

type continueKey struct{}

// Continue returns a context in which to start a subscription that goes on for one which has begun before. What is
// missing then has gone since, and is no reason to refuse the rest.
func Continue(ctx context.Context) context.Context {
	return context.WithValue(ctx, continueKey{}, true)
}

// Continues reports whether the subscription goes on for one that has begun before.
func Continues(ctx context.Context) bool { return ctx.Value(continueKey{}) != nil }

// Ask asks for the next event, which is read through the gate unless that is nil. The Answer that it returns is
// complete once the event, or the end of the events, has arrived.
func (s *Stream) Ask(gate Gate) *Answer {
	select {
	case <-s.asked: // left by a source that does not use this package
	default:
	}
	a := &Answer{gate: gate}
	s.asked <- a
	return a
}

// Next waits until the next event is asked for, and returns the Answer for it. If the subscription was started without
// [With], it returns one at once. It returns nil when ctx ends.
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
