package faults

import (
	"testing"
	"time"
)

// TestCommitIsCut loses one COMMIT in twenty, or its answer. The server finds out its outcome itself: nobody has to
// repeat a request, and nobody is mistaken for someone who had already signed.
func TestCommitIsCut(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fault{"BeforeCommit": beforeCommit, "BeforeAnswer": beforeAnswer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on, proxy := onProxy(t)
			server := on.serve(t)
			petition := server.open()
			watcher := watch(t, petition, server)
			people := gather(t, petition, server)
			signatures := of(300, 2000)
			proxy.strike(fault, 20)
			for range signatures {
				people.person() // one at a time: each has a COMMIT of its own
			}
			if n := proxy.struck(); n < signatures/20 {
				t.Errorf("%d connections were cut, want %d or more", n, signatures/20)
			}
			rest := people.work(16) // and then in batches
			people.await(signatures, time.Minute)
			rest()
			people.neverRepeated()
			audit(t, on, people, watcher)
		})
	}
}

// TestConnectionsAreCut cuts every connection to PostgreSQL at once, again and again.
func TestConnectionsAreCut(t *testing.T) {
	t.Parallel()
	on, proxy := onProxy(t)
	server := on.serve(t)
	petition := server.open()
	watcher := watch(t, petition, server)
	people := gather(t, petition, server)
	rest := people.work(16)
	for range of(10, 100) {
		people.await(20, soon)
		proxy.CutAll()
	}
	people.await(20, soon)
	rest()
	audit(t, on, people, watcher)
}

// TestConnectionsStall has PostgreSQL fall silent for ten seconds.
func TestConnectionsStall(t *testing.T) {
	t.Parallel()
	on, proxy := onProxy(t)
	server := on.serve(t)
	petition := server.open()
	watcher := watch(t, petition, server)
	people := gather(t, petition, server)
	rest := people.work(16)
	for range of(1, 5) {
		people.await(100, time.Minute)
		release := proxy.Hold()
		time.Sleep(10 * time.Second) // longer than the server's patience, by the clocks of two programs
		release()
		t.Logf("the first signature came %s after the stall", people.await(1, soon))
	}
	people.await(100, time.Minute)
	rest()
	audit(t, on, people, watcher)
}
