package faults

import (
	"testing"
	"time"

	"petitiond/server/database/pgserver"
)

// soon is how long the first signature may take once everything is there again.
const soon = 5 * time.Second

func TestServerIsKilled(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, on ground) {
		server := on.serve(t)
		petition := server.open()
		watcher := watch(t, petition, server)
		people := gather(t, petition, server)
		rest := people.work(16)
		for range of(5, 50) {
			people.await(50, time.Minute)
			server.kill9()
			server.start()
		}
		people.await(50, time.Minute)
		rest()
		audit(t, on, people, watcher)
	})
}

func TestPostgresIsKilled(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	postgres, err := pgserver.New(t.Context(), pgserver.Options{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := postgres.Stop(); err != nil {
			t.Error(err)
		}
	})
	on := onServer(t, postgres)
	server := on.serve(t)
	petition := server.open()
	watcher := watch(t, petition, server)
	people := gather(t, petition, server)
	rest := people.work(16)
	for range of(2, 10) {
		people.await(50, time.Minute)
		if err := postgres.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := postgres.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("the first signature came %s after PostgreSQL", people.await(1, soon))
	}
	people.await(50, time.Minute)
	rest()
	audit(t, on, people, watcher)
}
