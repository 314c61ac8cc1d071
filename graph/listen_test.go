package graph_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// next takes one event, and fails the test if none comes. A nil one stands before the end.
func next[T any](t *testing.T, events <-chan *T) *T {
	t.Helper()
	select {
	case v, ok := <-events:
		if !ok {
			t.Fatal("the subscription has ended")
		}
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("no event came")
		return nil
	}
}

// ends fails the test unless the channel is closed next.
func ends[T any](t *testing.T, events <-chan *T) {
	t.Helper()
	select {
	case v, ok := <-events:
		if ok {
			t.Errorf("event %v came after the end", v)
		}
	case <-time.After(20 * time.Second):
		t.Error("the subscription does not end")
	}
}

// streaming runs a test on both databases with a context that ends as a client goes, and looks whether
// everything was let go then.
func streaming(t *testing.T, f func(ctx context.Context, t *testing.T, s *site)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		s := newSite(t, db)
		s.own(t, s.names, "open")
		ctx, leave := context.WithCancel(s.resolver.Around(unselective(t.Context())))
		f(ctx, t, s)
		leave()
		s.watched(t, false)
	})
}

// unselective gives the context of an operation that selects nothing, for resolvers that are called without one.
func unselective(ctx context.Context) context.Context {
	return graphql.WithOperationContext(ctx, &graphql.OperationContext{Operation: &ast.OperationDefinition{}})
}

// watched waits until somebody watches a petition, or until nobody does.
func (s *site) watched(t *testing.T, want bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if petitions, watchers := s.hub.Size(); petitions+watchers > 0 == want {
			return
		}
	}
	t.Fatalf("a petition is watched: %v, want %v", !want, want)
}

func (s *site) publicID(name string) scalar.ID { return scalar.ParseID(s.names.real[name]) }

// sign lets n people sign at once, whose addresses begin with the name.
func (s *site) sign(t *testing.T, petition uuid.UUID, name string, n int) {
	t.Helper()
	var crowd sync.WaitGroup
	for i := range n {
		crowd.Go(func() {
			if err := s.domain.Sign(t.Context(), signed(petition, fmt.Sprintf("%s%d@example.org", name, i))); err != nil {
				t.Error(err)
			}
		})
	}
	crowd.Wait()
}

// bodies takes n comments.
func bodies(t *testing.T, events <-chan *ent.Comment, n int) (out []string) {
	t.Helper()
	for range n {
		out = append(out, next(t, events).Body)
	}
	return out
}
