package transport

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/answerbudget"
	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/turns"
)

// occasionFor returns the occasion of an event, and a context as its source has it.
func occasionFor(t *testing.T, queue *turns.Queue) (ctx context.Context, o *occasion, computing context.Context) {
	ctx = graphql.WithOperationContext(t.Context(), &graphql.OperationContext{Operation: &ast.OperationDefinition{Operation: ast.Subscription}})
	computing, cancel := context.WithCancelCause(ctx)
	return ctx, &occasion{
		turns: queue, points: 1, time: time.Second, cancel: cancel,
		budget: answerbudget.NewMemory(1<<30, 2).Budget(1 << 20),
	}, computing
}

// An event keeps its place from the reading until it is computed, and each has its time.
func TestOccasion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := turns.New(turns.Options{Places: 1})
		ctx, o, computing := occasionFor(t, queue)
		reads := func(found bool, wait time.Duration) error {
			return o.read(ctx, func(ctx context.Context) (bool, error) {
				if answerbudget.From(ctx) != o.budget {
					t.Error("what is read is not counted")
				}
				select {
				case <-time.After(wait):
				case <-ctx.Done():
				}
				return found, ctx.Err()
			})
		}
		if err := reads(false, time.Second/2); err != nil || taken(queue) != 0 {
			t.Errorf("what found nothing has %d places (error %v)", taken(queue), err)
		}
		if err := reads(true, time.Second/2); err != nil || taken(queue) != 1 {
			t.Errorf("what found something has %d places (error %v)", taken(queue), err)
		}
		began := time.Now()
		<-computing.Done()
		if cause := context.Cause(computing); !errors.Is(cause, errTimeout) || time.Since(began) != time.Second {
			t.Errorf("the computing was stopped after %s: %v", time.Since(began), cause)
		}
		o.end()
		_, o, _ = occasionFor(t, queue)
		if code := codeOf(reads(true, time.Hour)); code != errcode.Timeout {
			t.Errorf("a reading that took too long ended with %s", code)
		}
		o.end()
		if taken(queue) != 0 {
			t.Error("the place is not given back")
		}
	})
}

// A source that still reads when its subscriber has gone gives the place back when it has read.
func TestOccasionIsAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := turns.New(turns.Options{Places: 1})
		ctx, o, _ := occasionFor(t, queue)
		finish := make(chan struct{})
		go func() {
			_ = o.read(ctx, func(context.Context) (bool, error) { <-finish; return true, nil })
		}()
		synctest.Wait()
		o.end()
		if taken(queue) != 1 {
			t.Error("the place is free while its source reads")
		}
		close(finish)
		synctest.Wait()
		if taken(queue) != 0 {
			t.Error("the place is not given back")
		}
		// Neither may one begin that has come too late.
		if err := o.read(ctx, func(context.Context) (bool, error) { return true, nil }); err == nil || taken(queue) != 0 {
			t.Errorf("read after the end: %v, with %d places taken", err, taken(queue))
		}
	})
}

// taken returns how many places are taken.
func taken(queue *turns.Queue) int {
	n, _ := queue.Taken()
	return n
}

func codeOf(err error) string {
	if coded, ok := errors.AsType[*gqlerror.Error](err); ok {
		return operation.CodeOf(coded)
	}
	return ""
}
