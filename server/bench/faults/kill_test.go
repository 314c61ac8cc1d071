package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// soon is how long the first signature may take once everything works again.
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
	postgres := durable(t)
	on := onServer(t, postgres)
	server := on.serve(t)
	petition := server.open()
	watcher := watch(t, petition, server)
	people := gather(t, petition, server)
	rest, look := people.work(16), read(t, petition, server)
	var away time.Duration
	for range of(2, 10) {
		people.await(50, time.Minute)
		began := time.Now()
		if err := errors.Join(postgres.Kill(t.Context()), postgres.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		away = max(away, time.Since(began))
		t.Logf("the first signature came %s after PostgreSQL", people.await(1, soon))
	}
	people.await(50, time.Minute)
	rest()
	reads, failed := look()
	t.Logf("PostgreSQL was away for %s at most, and %d of %d reads failed", away, len(failed), reads)
	if len(failed) > 0 && away < 1500*time.Millisecond { // readers wait for up to two seconds
		t.Errorf("readers noticed a restart that took %s; the first one: %s", away, failed[0])
	}
	audit(t, on, people, watcher)
}

// read has four people read a petition, until look is called, which returns how many answers there were and which of
// them failed. They send a credential, so that each request looks it up and no answer is shared.
func read(t *testing.T, petition petition, at *program) (look func() (reads int, failed []string)) {
	ctx, stop := context.WithCancel(context.Background())
	var people sync.WaitGroup
	var mu sync.Mutex // guards what follows
	var failed []string
	reads := 0
	body := request(`query($id: ID!) { petition(id: $id) { signatureCount } }`, map[string]any{"id": petition.id})
	for range 4 {
		people.Go(func() {
			for ctx.Err() == nil && t.Context().Err() == nil {
				_, raw, err := send(t.Context(), at.address, petition.token, body)
				mu.Lock()
				if reads++; err != nil || !strings.HasPrefix(string(raw), `{"data":{"petition":{"signatureCount":`) {
					failed = append(failed, fmt.Sprintf("%s %v", raw, err))
				}
				mu.Unlock()
			}
		})
	}
	look = func() (int, []string) {
		stop()
		people.Wait()
		return reads, failed
	}
	t.Cleanup(func() { look() })
	return look
}
