package transport_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"petitiond/server/transport"
)

// padded is a message that is too long to be read by the loop that reads all connections.
func padded(text string) string { return text + strings.Repeat(" ", 5<<10) }

func pinging(n int, pad int) string {
	return fmt.Sprintf(`{"type":"ping","payload":{"n":%d}}`, n) + strings.Repeat(" ", pad)
}

func ponged(n int) step { return hears(fmt.Sprintf(`{"type":"pong","payload":{"n":%d}}`, n)) }

// While long messages are read, however many clients send them and however long it takes, others are served; and the
// messages of each client are taken in their order.
func TestLongMessagesKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	tr, server := serve(t, transport.Options{Schema: protocolSchema(), Authenticate: known})
	release := tr.HoldReaders()
	held := true
	defer func() {
		if held {
			release()
		}
	}()
	var waiting []*rawClient
	for range 20 {
		w, _, _ := knock(t, server)
		long := masked(wholeText, pinging(1, 5<<10))
		for _, step := range begun(raw(long, masked(wholeText, pinging(2, 0))), say(pinging(3, 0))) {
			step(t, w)
		}
		waiting = append(waiting, w)
	}
	eventually(t, "two messages of each wait", func() bool { n, _ := tr.Waiting(); return n >= 2*len(waiting) })
	w, status, _ := knock(t, server)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", status)
	}
	operation := []step{operate("1", "{ hello }"), next("1", `{"data":{"hello":"world"}}`), completed("1")}
	for _, step := range steps(begun(), quiet(), operation) {
		step(t, w)
	}
	_ = waiting[0].conn.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if first, err := waiting[0].in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %#x, %v, want nothing before the long message was read", first, err)
	}
	held = false
	release()
	for _, w := range waiting {
		for _, step := range steps([]step{ponged(1), ponged(2), ponged(3)}, quiet()) {
			step(t, w)
		}
	}
}

// A client whose messages wait to be read sends no more of them than one read takes: the rest waits at the client.
func TestLongMessagesWaitAtTheClient(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Body = 64 << 10 // of the longest, no client may send as many at once
	tr, server := serve(t, transport.Options{Limits: limits})
	release := tr.HoldReaders()
	w, _, _ := knock(t, server)
	const many = 40
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range many {
			if _, err := w.conn.Write(masked(wholeText, pinging(i, int(limits.Body)-100))); err != nil {
				t.Errorf("message %d: %v", i, err)
				return
			}
		}
	}()
	eventually(t, "a message waits", func() bool { n, _ := tr.Waiting(); return n > 0 })
	for range 20 {
		if n, bytes := tr.Waiting(); n > 2 || bytes > 128<<10 {
			t.Errorf("%d messages of %d bytes wait", n, bytes)
		}
		time.Sleep(5 * time.Millisecond) // it is a sample: the client writes as fast as it may
	}
	release()
	for i := range many {
		ponged(i)(t, w)
	}
	<-sent
}

// Whatever becomes of a long message, what it is about goes on as with a short one.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: protocolSchema(), Authenticate: known})
	asking := func(document string) string { return `{"id":"1","type":"subscribe","payload":` + query(document) + `}` }
	hello, invalid, complete := asking("{ hello }"), asking("{ nope }"), `{"id":"1","type":"complete"}`
	answered := []step{next("1", `{"data":{"hello":"world"}}`), completed("1")}
	tests := map[string][]step{
		"Init":             {say(padded(initMessage)), hears(ackMessage)},
		"InitThenMore":     steps([]step{raw(masked(wholeText, padded(initMessage)), masked(wholeText, hello)), hears(ackMessage)}, answered),
		"Subscribe":        steps(begun(say(padded(hello))), answered),
		"SubscribeInvalid": steps(begun(say(padded(invalid)), failed("1", "GRAPHQL_VALIDATION_FAILED")), quiet()),
		"SubscribeFirst":   {say(padded(hello)), closed(4401, "Unauthorized")},
		"CompleteAfter":    steps(begun(operate("1", forever), raw(masked(wholeText, padded(complete)), masked(wholeText, hello))), answered),
		"NotJSON":          begun(say(padded(`nonsense`)), closed(4400, "")),
		"NotJSONThen":      begun(raw(masked(wholeText, padded(`nonsense`)), masked(wholeText, pingMessage)), closed(4400, "")),
		"LargePing":        begun(say(`{"type":"ping","payload":{"a":"`+strings.Repeat("x", 2<<10)+`"}}`), closed(4400, "")),
		"LargerPong":       begun(say(`{"type":"pong","payload":{"a":"`+strings.Repeat("x", 60<<10)+`"}}`), closed(4400, "")),
		"CloseWith":        begun(raw(masked(wholeText, padded(pingMessage)), masked(wholeClose, "\x03\xe8")), closedSoon(1000, "")),
		"FramePingWith":    begun(raw(masked(wholeText, padded(pingMessage)), masked(wholePing, "x")), either(pongMessage, "x")),
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, _ := knock(t, server)
			for _, step := range steps {
				step(t, w)
			}
		})
	}
}

// either waits for a text message and a pong in any order.
func either(text, pong string) step {
	return func(t *testing.T, w *rawClient) {
		t.Helper()
		got := map[byte]string{}
		for range 2 {
			first, payload := w.read(t)
			got[first] = payload
		}
		if got[wholeText] != text || got[wholePong] != pong {
			t.Errorf("got %q", got)
		}
	}
}
