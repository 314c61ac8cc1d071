package faults

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// onServers runs f with one server on SQLite and with two on one PostgreSQL.
func onServers(t *testing.T, f func(t *testing.T, on ground, servers []*program)) {
	t.Helper()
	onEach(t, func(t *testing.T, on ground) {
		servers := []*program{on.serve(t)}
		if on.shared {
			servers = append(servers, on.serve(t))
		}
		f(t, on, servers)
	})
}

// together lets n people do something at once.
func together(n int, do func(i int)) {
	var people sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		people.Go(func() {
			<-begin
			do(i)
		})
	}
	close(begin)
	people.Wait()
}

func TestOneAddressAtOnce(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, on ground, servers []*program) {
		people := gather(t, servers[0].open(), servers...)
		for range of(1, 20) {
			address := people.somebody()
			together(200, func(i int) { people.sign(address, fmt.Sprintf("key-%03d-of-%s", i, address)) })
		}
		people.neverRepeated()
		audit(t, on, people)
	})
}

func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, on ground, servers []*program) {
		people := gather(t, servers[0].open(), servers...)
		for range of(1, 20) {
			address := people.somebody()
			people.tries(address)
			key := "one-key-of-" + address
			answers := make([]string, 100)
			together(len(answers), func(i int) {
				_, answers[i] = people.attempt(servers[i%len(servers)], people.request(address, key))
			})
			for _, got := range answers {
				if got != answers[0] {
					t.Errorf("the same request was answered\n%s\nand\n%s", answers[0], got)
				}
			}
			people.confirm(address)
			for _, server := range servers {
				if got, _ := people.attempt(server, people.request(people.somebody(), key)); got != "IDEMPOTENCY_MISMATCH" {
					t.Errorf("the key with another input: got %s", got)
				}
			}
		}
		audit(t, on, people)
	})
}

func TestReplicasCountAsOne(t *testing.T) {
	t.Parallel()
	on := onPostgres(t)
	servers := []*program{on.serve(t), on.serve(t)}
	petition := servers[0].open()
	watchers := []*watcher{watch(t, petition, servers[0]), watch(t, petition, servers[1])}
	people := gather(t, petition, servers...)
	rest := people.work(16)
	people.await(of(1000, 20000), 5*time.Minute)
	rest()
	people.neverRepeated()
	audit(t, on, people, watchers...)
}
