package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/eventmark"
	"petitiond/server/reading"
)

// thing is a row with a key; some things share one, and some have none.
type thing struct{ key uuid.UUID }

func thingKey(row *thing) uuid.UUID { return row.key }

func keyOf(n byte) uuid.UUID { return uuid.UUID{15: n} }

func things(keys ...byte) []*thing {
	rows := make([]*thing, len(keys))
	for i, k := range keys {
		rows[i] = &thing{keyOf(k)}
	}
	return rows
}

// recorder reads nothing, and remembers what it was asked for.
type recorder struct {
	mu    sync.Mutex
	asked [][]uuid.UUID // guarded by mu
	err   error
}

// edge leads from things to what the recorder reads, by words.
func (r *recorder) edge() *edge[*thing, string, string] {
	return &edge[*thing, string, string]{thingKey, func(
		_ context.Context, _ *siblings[*thing], _ *reading.Reader, _ string, keys []uuid.UUID,
	) (map[uuid.UUID]string, error) {
		return r.read(keys)
	}}
}

func (r *recorder) read(keys []uuid.UUID) (map[uuid.UUID]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, slices.Clone(keys))
	found := map[uuid.UUID]string{}
	for _, k := range keys {
		found[k] = fmt.Sprint(k[15])
	}
	return found, r.err
}

func TestLoad(t *testing.T) {
	t.Parallel()
	setup := func(rows []*thing) (context.Context, *recorder) {
		ctx := withLoaders(t.Context())
		join(ctx, rows)
		return ctx, &recorder{}
	}
	t.Run("OnceForAll", func(t *testing.T) {
		t.Parallel()
		rows := things(3, 1, 3, 0, 2)
		ctx, r := setup(rows)
		it := r.edge()
		var crowd sync.WaitGroup
		for range 20 {
			for _, row := range rows {
				crowd.Go(func() {
					want := fmt.Sprint(row.key[15])
					if row.key == uuid.Nil {
						want = ""
					}
					if got, err := load(ctx, &Resolver{}, row, it, ""); got != want || err != nil {
						t.Errorf("got %q, error %v, want %q", got, err, want)
					}
				})
			}
		}
		crowd.Wait()
		if diff := cmp.Diff([][]uuid.UUID{{keyOf(1), keyOf(2), keyOf(3)}}, r.asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
	t.Run("EachByItself", func(t *testing.T) {
		t.Parallel()
		rows := things(1, 2)
		ctx, r := setup(rows)
		it := r.edge()
		other := r.edge()
		for _, by := range []struct {
			edge *edge[*thing, string, string]
			args string
		}{{it, "a"}, {other, "a"}, {it, "b"}, {other, "b"}, {it, "a"}} {
			if _, err := load(ctx, &Resolver{}, rows[0], by.edge, by.args); err != nil {
				t.Error(err)
			}
		}
		if len(r.asked) != 4 {
			t.Errorf("asked %d times, want 4", len(r.asked))
		}
	})
	t.Run("Strangers", func(t *testing.T) {
		t.Parallel()
		ctx, r := setup(things(1))
		it := r.edge()
		for _, row := range things(1, 2) { // the same keys, read at other times
			for range 2 {
				if _, err := load(ctx, &Resolver{}, row, it, ""); err != nil {
					t.Error(err)
				}
			}
		}
		if diff := cmp.Diff([][]uuid.UUID{{keyOf(1)}, {keyOf(2)}}, r.asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
	t.Run("NoKeys", func(t *testing.T) {
		t.Parallel()
		rows := things(0, 0)
		ctx, r := setup(rows)
		it := r.edge()
		if got, err := load(ctx, &Resolver{}, rows[1], it, ""); got != "" || err != nil || len(r.asked) > 0 {
			t.Errorf("got %q, error %v, asked %v", got, err, r.asked)
		}
	})
	t.Run("ErrForAll", func(t *testing.T) {
		t.Parallel()
		rows := things(1, 2)
		ctx, r := setup(rows)
		it := r.edge()
		r.err = errors.New("lost")
		for _, row := range rows {
			if _, err := load(ctx, &Resolver{}, row, it, ""); !errors.Is(err, r.err) {
				t.Errorf("got error %v", err)
			}
		}
		if len(r.asked) != 1 {
			t.Errorf("asked %d times", len(r.asked))
		}
	})
	t.Run("PanicForAll", func(t *testing.T) {
		t.Parallel()
		rows := things(1, 2)
		ctx, _ := setup(rows)
		broken := &edge[*thing, none, string]{thingKey, func(
			context.Context, *siblings[*thing], *reading.Reader, none, []uuid.UUID,
		) (map[uuid.UUID]string, error) {
			panic("bug")
		}}
		for _, row := range rows {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				_, _ = load(ctx, &Resolver{}, row, broken, none{})
			}()
		}
	})
	t.Run("Generations", func(t *testing.T) {
		t.Parallel()
		parents := things(1, 2)
		ctx, r := setup(parents)
		it := r.edge()
		children := &edge[*thing, none, []*thing]{thingKey, func(
			ctx context.Context, _ *siblings[*thing], _ *reading.Reader, _ none, keys []uuid.UUID,
		) (map[uuid.UUID][]*thing, error) {
			found := map[uuid.UUID][]*thing{}
			for _, k := range keys {
				found[k] = things(10*k[15], 10*k[15]+1)
			}
			join(ctx, allOf(found, func(list []*thing) []*thing { return list }))
			return found, nil
		}}
		for _, parent := range parents {
			list, _ := load(ctx, &Resolver{}, parent, children, none{})
			for _, child := range list {
				if _, err := load(ctx, &Resolver{}, child, it, ""); err != nil {
					t.Error(err)
				}
			}
		}
		if diff := cmp.Diff([][]uuid.UUID{{keyOf(10), keyOf(11), keyOf(20), keyOf(21)}}, r.asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
}

// TestFollowSurvivesAPanic would end the whole program if it did not.
func TestFollowSurvivesAPanic(t *testing.T) {
	t.Parallel()
	bug := errors.New("told of the bug")
	ctx := graphql.WithResponseContext(t.Context(), nil, func(context.Context, any) error { return bug })
	ctx, stream := eventmark.With(ctx)
	answer, closed := stream.Ask(nil), make(chan struct{})
	events := follow(ctx, source[thing]{
		wait: func(context.Context) error { return nil }, next: func(context.Context) (*thing, error) { panic("bug") },
		end: func() { close(closed) },
	})
	if v, more := <-events; more {
		t.Errorf("it goes on with %v", v)
	}
	<-closed
	var told *gqlerror.Error
	if err := answer.Err; !errors.Is(err, bug) || !errors.As(err, &told) {
		t.Errorf("ended with %v", err)
	}
}
