package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// Clients come and go in every state that a connection can be in, in good order and by breaking off: what they took is
// given back.
func TestChurn(t *testing.T) { // not parallel: it counts what the process holds
	connections, batch := 10_000, 500
	if testing.Short() {
		connections = 2000
	}
	s := start(t, []string{
		"PETITION_LISTEN=127.0.0.1:0", "PETITION_DATABASE_URL=" + dbtest.URL(t, database.SQLite),
		"PETITION_SECRET_FILE=" + t.TempDir() + "/secret.key", "PETITION_RATE_LIMITS=off",
	})
	c := &churn{site: s}
	c.petition, _ = s.open(t)
	fresh := held()
	c.batch(t, batch) // what is made once is there now
	before := s.settle(fresh)
	for range connections / batch {
		c.batch(t, batch)
	}
	after := s.settle(before)
	t.Logf("before %d connections: %s; after: %s", connections, before, after)
	if !before.within(fresh) || !after.within(before) {
		stacks := make([]byte, 1<<20)
		t.Errorf("not all was given back: %s at first\n%.20000s", fresh, stacks[:runtime.Stack(stacks, true)])
	}
	if petitions, watchers := s.observer.hub.Size(); petitions != 0 || watchers != 0 {
		t.Errorf("%d watchers of %d petitions are left in the hub", watchers, petitions)
	}
}

// What may be there more than before: connections with the database come and go, and a heap is never quite the same.
const (
	spare     = 20
	spareHeap = 4 << 20
)

// holdings are what a process holds.
type holdings struct {
	goroutines, descriptors int
	heap                    int64
}

func (h holdings) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d kB", h.goroutines, h.descriptors, h.heap>>10)
}

func held() holdings {
	list, _ := os.ReadDir("/proc/self/fd") // where there is none, none are counted
	return holdings{runtime.NumGoroutine(), len(list), int64(heap())}
}

// settle waits until no more is held than before and nobody watches; or, where that does not happen, a good while.
func (s *site) settle(before holdings) holdings {
	client.CloseIdleConnections()
	// What has ended is counted by the runtime and the kernel, which tell nobody.
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		h := held()
		_, watchers := s.observer.hub.Size()
		if watchers == 0 && h.within(before) || time.Now().After(until) {
			return h
		}
	}
}

func (h holdings) within(w holdings) bool {
	return h.goroutines <= w.goroutines+spare && h.descriptors <= w.descriptors+spare && h.heap <= w.heap+spareHeap
}

// churn are clients that do not stay.
type churn struct {
	*site
	petition string
	signed   int
}

// batch opens so many connections, each in the next state, lets the count move once, and drops them.
func (c *churn) batch(t *testing.T, n int) {
	t.Helper()
	states := c.states()
	wires, faults := make([]*wire, n), make([]error, n)
	share(n, func(i int) {
		if wires[i], faults[i] = dialWire(c.Address()); faults[i] == nil {
			wires[i].wait(30 * time.Second)
			faults[i] = states[i%len(states)](wires[i])
		}
	})
	c.signed++
	if !c.sign(t, c.petition, fmt.Sprintf("churn%d@example.org", c.signed)) {
		t.Error("a signature was not acknowledged")
	}
	share(n, func(i int) {
		if wires[i] == nil {
			return
		}
		if i/len(states)%2 == 0 { // broken off
			_ = wires[i].Conn.(*net.TCPConn).SetLinger(0)
		}
		_ = wires[i].Close()
	})
	if err := errors.Join(faults...); err != nil {
		t.Fatalf("%.2000s", err)
	}
}

// share does n things, some of them at once.
func share(n int, do func(i int)) {
	const atOnce = 32
	var workers sync.WaitGroup
	for w := range atOnce {
		workers.Go(func() {
			for i := w; i < n; i += atOnce {
				do(i)
			}
		})
	}
	workers.Wait()
}

// states bring a connection to where it will be dropped.
func (c *churn) states() []func(w *wire) error {
	const count = `subscription { statistics { petitionCount } }`
	watch := fmt.Sprintf(`subscription { signatureCount(petitionId: %q) { total version asOf } }`, c.petition)
	body := `{"query":` + quote(watch) + `}`
	stream := request(http.MethodPost, "/graphql", body, "Accept: text/event-stream")
	message := textFrames(subscribe("1", watch))
	says := func(text string) func(w *wire) error {
		return func(w *wire) error {
			w.say(text)
			return nil
		}
	}
	opened := func(text string) func(w *wire) error { // by a handshake
		return func(w *wire) error {
			if refused := w.open(); refused != "" {
				return errors.New(refused)
			}
			w.say(text)
			return nil
		}
	}
	ready := func(text string) func(w *wire) error { // and acknowledged
		return func(w *wire) error {
			err := w.initialise()
			w.say(text)
			return err
		}
	}
	watching := func(text string, values int) func(w *wire) error { // and told values
		return func(w *wire) error {
			if err := w.initialise(); err != nil {
				return err
			}
			w.say(text)
			for range values {
				if m := w.message(); m.Type != "next" {
					return fmt.Errorf("want a value, got %s %s", m.Type, m.Payload)
				}
			}
			return nil
		}
	}
	return []func(w *wire) error{
		says(""),
		says("GET /grap"),
		says(upgrade(c.Address())[:90]),
		says(upgrade(c.Address())), // without waiting for the answer
		says(request(http.MethodPost, "/graphql", body)[:150]),
		says(request(http.MethodPost, "/graphql", `{"query":"{ statistics { petitionCount } }"}`)),
		says(stream),
		func(w *wire) error {
			w.say(stream)
			return w.until("data: ")
		},
		opened(""),
		opened(textFrames(`{"type":"connection_init"}`)[:1]),
		opened(textFrames(`{"type":"connection_init"}`)[:20]),
		opened(textFrames(`{"type":"connection_init"}`) + message), // without waiting for ack
		opened(textFrames("no message")),
		ready(""),
		ready(message[:1]),
		ready(message[:3]),
		ready(message[:6]),
		ready(message[:60]),
		ready(frame(opText, `{"id":"1","type":`)),
		ready(frame(opFinal|opPing, "")),
		ready(message),
		ready(message + textFrames(`{"id":"1","type":"complete"}`)),
		ready(textFrames(subscribe("1", "{ statistics { petitionCount } }"))),
		ready(textFrames(subscribe("1", "{ nothing }"))),
		ready(frame(opFinal|opClose, "\x03\xe8")),
		watching(message, 1),
		watching(message+textFrames(subscribe("2", count))+textFrames(subscribe("3", watch)), 3),
		watching(message+frame(opText, `{"id":"1",`), 1),
	}
}

// until reads until something has come.
func (w *wire) until(text string) error {
	for !bytes.Contains(w.came.Bytes(), []byte(text)) {
		if _, err := w.in.ReadByte(); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(text), err)
		}
	}
	return nil
}
