package fanout_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/fanout"
	"petitiond/server/figures"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// petition returns the nth petition.
func petition(n int) uuid.UUID { return uuid.UUID{14: byte(n >> 8), 15: byte(n)} }

// at is the nth petition at a version.
func at(n, version int) figures.Value { return figures.Value{Petition: petition(n), Version: version} }

// replica is a carrier at work, and what it heard.
type replica struct {
	*fanout.Postgres
	mu    sync.Mutex
	heard map[uuid.UUID]figures.Value
	count int
	bell  chan struct{} // rung when something was heard
	lost  chan struct{}
}

func newReplica(t *testing.T, db *database.DB, address string) *replica {
	t.Helper()
	r := &replica{heard: map[uuid.UUID]figures.Value{}, bell: make(chan struct{}, 1), lost: make(chan struct{}, 100)}
	address += "&application_name=listener"
	r.Postgres = fanout.NewPostgres(fanout.Options{
		Pool: db.Write, Address: address, Receiver: r, Tick: 10 * time.Millisecond, Pulse: 200 * time.Millisecond,
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

func (r *replica) Broken() {}

func (r *replica) Lost() { r.lost <- struct{}{} }

func (r *replica) Received(values ...figures.Value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range values {
		r.heard[v.Petition] = v
		r.count++
	}
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// until waits for the replica to have heard what ok wants.
func (r *replica) until(t *testing.T, ok func(map[uuid.UUID]figures.Value) bool) {
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

	t.Run("TheNewestOfEachPetition", func(t *testing.T) {
		for n := 1; n <= 1000; n++ {
			a.Publish(at(0, n), at(1+n%200, n), figures.Value{Petition: petition(0), Comment: n})
		}
		b.until(t, func(heard map[uuid.UUID]figures.Value) bool {
			hot := heard[petition(0)]
			return hot.Version == 1000 && hot.Comment == 1000 && len(heard) == 201
		})
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
		const many = 2000 // of some hundred bytes each
		var list []figures.Value
		for n := range many {
			v := at(1000+n, 1)
			v.Total, v.AsOf = 1_000_000+n, time.Unix(1_800_000_000, 0).UTC()
			list = append(list, v)
		}
		never := at(999, 1)
		never.AsOf = time.Unix(1<<60, 0) // JSON has no such year
		a.Publish(append(list, never)...)
		b.until(t, func(heard map[uuid.UUID]figures.Value) bool {
			for _, v := range list {
				if heard[v.Petition] != v {
					return false
				}
			}
			_, travelled := heard[never.Petition]
			return !travelled
		})
	})
	t.Run("AfterTheConnectionWasKilled", func(t *testing.T) {
		for n := range 30 {
			_, err := db.Write.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE application_name = 'listener' AND datname = current_database()`)
			if err != nil {
				t.Fatal(err)
			}
			<-b.lost // it has connected again and says so
			a.Publish(at(998, n+1))
			b.until(t, func(heard map[uuid.UUID]figures.Value) bool { return heard[petition(998)].Version == n+1 })
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
