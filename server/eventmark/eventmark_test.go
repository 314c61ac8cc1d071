package eventmark_test

import (
	"context"
	"errors"
	"testing"

	"petitiond/server/eventmark"
)

func TestAnswersAreThoseThatWereAskedFor(t *testing.T) {
	t.Parallel()
	ctx, stream := eventmark.With(t.Context())
	for version := range int64(3) {
		asked := stream.Ask(nil)
		eventmark.Next(ctx).Mark.Version = version
		if asked.Mark.Version != version {
			t.Errorf("version %d of the answer, want %d", asked.Mark.Version, version)
		}
	}
	end := errors.New("the end")
	asked := stream.Ask(nil)
	eventmark.Next(ctx).Err = end
	if !errors.Is(asked.Err, end) {
		t.Errorf("ended with %v, want %v", asked.Err, end)
	}
}

// A source that marks nothing leaves what was asked for: the mark of a later event must not come too early.
func TestAnswersOfSilentSourcesAreForgotten(t *testing.T) {
	t.Parallel()
	ctx, stream := eventmark.With(t.Context())
	first, second := stream.Ask(nil), stream.Ask(nil)
	eventmark.Next(ctx).Mark.Topic = "second"
	if first.Mark.Topic != "" || second.Mark.Topic != "second" {
		t.Errorf("topics %q and %q", first.Mark.Topic, second.Mark.Topic)
	}
}

func TestNextEnds(t *testing.T) {
	t.Parallel()
	if eventmark.Next(t.Context()) == nil {
		t.Error("nobody asks, and there is no answer to write on")
	}
	ctx, end := context.WithCancel(t.Context())
	ctx, _ = eventmark.With(ctx)
	end()
	if a := eventmark.Next(ctx); a != nil {
		t.Errorf("%v was asked for", a)
	}
}
