package fanout_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/fanout"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// news is a value with a number that only grows.
type news struct {
	Key  string
	N    int
	Text string `json:",omitzero"`
}

// replica is a carrier at work, and what it heard.
type replica struct {
	*fanout.Postgres[string, news]
	mu    sync.Mutex
	heard map[string]news
	count int
	bell  chan struct{} // rung when something was heard
	lost  chan struct{}
}

func newReplica(t *testing.T, db *database.DB, address string) *replica {
	t.Helper()
	r := &replica{heard: map[string]news{}, bell: make(chan struct{}, 1), lost: make(chan struct{}, 100)}
	address += "&application_name=listener"
	r.Postgres = fanout.NewPostgres(fanout.Options[string, news]{
		Pool: db.Write, Address: address, Tick: 10 * time.Millisecond, Pulse: 200 * time.Millisecond,
		Key: func(n news) string { return n.Key },
		Merge: func(old, new news) news {
			if old.N > new.N {
				return old
			}
			return new
		},
		Received: r.receive,
		Lost:     func() { r.lost <- struct{}{} },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-r.lost // it listens
	return r
}

func (r *replica) receive(list ...news) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range list {
		r.heard[n.Key] = n
		r.count++
	}
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// until waits for the replica to have heard what ok wants.
func (r *replica) until(t *testing.T, ok func(map[string]news) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		done := ok(r.heard)
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-r.bell:
		case <-deadline:
			t.Fatalf("not heard within 20 s; heard %d values", r.count)
		}
	}
}

func TestNewsReachOthers(t *testing.T) {
	t.Parallel()
	address := dbtest.URL(t, database.Postgres)
	db := opened(t, address)
	a, b := newReplica(t, db, address), newReplica(t, db, address)

	t.Run("TheNewestOfEachKey", func(t *testing.T) {
		for n := 1; n <= 1000; n++ {
			a.Publish(news{Key: "hot", N: n}, news{Key: fmt.Sprint(n % 200), N: n})
		}
		b.until(t, func(heard map[string]news) bool { return heard["hot"].N == 1000 && len(heard) == 201 })
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.count >= 2000 {
			t.Errorf("want news gathered, heard all %d", b.count)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.count > 0 {
			t.Errorf("heard %d of its own news", a.count)
		}
	})
	t.Run("MoreThanOneNotificationHolds", func(t *testing.T) {
		for n := range 100 {
			a.Publish(news{Key: fmt.Sprintf("long %d", n), N: 1, Text: strings.Repeat("x", 1000)})
		}
		a.Publish(news{Key: "too long", N: 1, Text: strings.Repeat("x", 9000)}, news{Key: "after", N: 1})
		b.until(t, func(heard map[string]news) bool { return heard["long 99"].N == 1 && heard["after"].N == 1 })
	})
	t.Run("AfterTheConnectionWasKilled", func(t *testing.T) {
		for n := range 30 {
			_, err := db.Write.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE application_name = 'listener' AND datname = current_database()`)
			if err != nil {
				t.Fatal(err)
			}
			<-b.lost // it has connected again and says so
			a.Publish(news{Key: "again", N: n + 1})
			b.until(t, func(heard map[string]news) bool { return heard["again"].N == n+1 })
		}
	})
	t.Run("NonsenseIsALoss", func(t *testing.T) {
		for len(b.lost) > 0 {
			<-b.lost
		}
		if _, err := db.Write.ExecContext(t.Context(), `SELECT pg_notify('petitiond_news', '{')`); err != nil {
			t.Fatal(err)
		}
		<-b.lost
	})
}
