package live_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"petitiond/server/figures"
	"petitiond/server/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A store stands for the database.
type store struct {
	mu     sync.Mutex
	values map[uuid.UUID]figures.Value
	err    error
	calls  [][]uuid.UUID
	gate   chan struct{} // when set, a read takes one token before it returns
}

func newStore(values ...figures.Value) *store {
	s := &store{values: map[uuid.UUID]figures.Value{}}
	s.put(values...)
	return s
}

func (s *store) put(values ...figures.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		s.values[v.Petition] = v
	}
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *store) reads() [][]uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Read looks first and then waits at the gate, as a slow database answers with an old snapshot.
func (s *store) Read(ctx context.Context, ids []uuid.UUID) ([]figures.Value, error) {
	s.mu.Lock()
	s.calls = append(s.calls, slices.Clone(ids))
	var found []figures.Value
	for _, id := range ids {
		if v, ok := s.values[id]; ok {
			found = append(found, v)
		}
	}
	err, gate := s.err, s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return found, err
}

// start runs a hub over the store until the test ends or the returned function is called.
func start(tb testing.TB, s *store, o live.Options) (*live.Hub, func()) {
	tb.Helper()
	o.Read = s.Read
	h := live.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Run() = %v, want nil", err)
		}
	})
	tb.Cleanup(stop)
	return h, stop
}

// bubble runs a test with a clock of its own, beside other tests.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func watch(tb testing.TB, h *live.Hub, aspect figures.Aspect, ids ...uuid.UUID) *live.Watcher {
	tb.Helper()
	w, err := h.Watch(context.Background(), aspect, ids...)
	if err != nil {
		tb.Fatalf("Watch() = %v", err)
	}
	return w
}

func next(tb testing.TB, w *live.Watcher) figures.Value {
	tb.Helper()
	v, err := w.Next(context.Background())
	if err != nil {
		tb.Fatalf("Next() = %v", err)
	}
	return v
}

// silent fails the test if the watcher gets anything within the time.
func silent(tb testing.TB, w *live.Watcher, d time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if v, err := w.Next(ctx); err == nil {
		tb.Fatalf("Next() = %+v, want nothing within %v", v, d)
	}
}

// id makes the nth petition.
func id(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("00000000-0000-7000-8000-%012x", n))
}

// at is a complete value of the nth petition at a version.
func at(n int, version int) figures.Value {
	return figures.Value{
		Petition: id(n),
		Total:    version * 10,
		Goal:     100,
		LastHour: &version,
		Version:  version,
		AsOf:     time.Unix(int64(version), 0).UTC(),
		Comment:  1,
		Edition:  1,
	}
}
