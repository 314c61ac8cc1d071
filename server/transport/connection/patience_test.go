package connection

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/answerbudget"
	"petitiond/server/operation"
	"petitiond/server/strictjson"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
)

// recorder is a connection that takes everything.
type recorder struct {
	bytes.Buffer

	finished bool
}

func (r *recorder) Finish()      { r.finished = true }
func (*recorder) Close()         {}
func (*recorder) Pause()         {}
func (*recorder) Resume() error  { return nil }
func (r *recorder) text() string { return r.String() }
func (r *recorder) closed() bool { return r.finished }

// newLoneKeeper returns a keeper for a host that is asked for nothing.
func newLoneKeeper(t *testing.T) *Keeper {
	alive, die := context.WithCancel(context.Background())
	var running sync.WaitGroup
	quiet := slog.New(slog.DiscardHandler)
	k := New(Options{
		Limits: Bounds{
			Sockets: 1000, SocketsPerAddress: 200, SocketOperations: 20, Messages: 20, MessageBurst: 50, InitPayload: 16 << 10,
			Read: 10 * time.Second, Event: 10 * time.Second, Init: 5 * time.Second, Ping: 15 * time.Second, Pong: 12 * time.Second,
			Age: 4 * time.Hour,
		},
		Message: 64 << 10, Answer: 1 << 20, JSON: strictjson.Limits{Depth: 32, Members: 1000},
		Credentials: credential.NewRegistry(&credential.Authority{Alive: alive, Now: time.Now, Logger: quiet}, &running),
		Memory:      answerbudget.NewMemory(1<<30, 2), MemorySize: 1 << 30, Requests: answerbudget.NewMemory(1<<30, 2),
		Readers: make(chan struct{}, 1), Alive: alive, Running: &running, Now: time.Now, Logger: quiet,
	})
	t.Cleanup(func() {
		if err := k.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		die()
		running.Wait()
	})
	return k
}

// newLone returns a socket that nothing but the test looks after.
func newLone(t *testing.T) (*Conn, *recorder) {
	k, r := newLoneKeeper(t), &recorder{}
	c := &Conn{keeper: k, protocol: Socket}
	c.out.conn, c.in.frames.Max, c.life.opened = r, 64<<10, k.ticks()
	c.in.rate = rate{at: c.life.opened, left: float32(k.Limits.MessageBurst)}
	c.session.Acknowledged()
	return c, r
}

// frame is a client's frame, with a mask that changes nothing.
func frame(first byte, payload string) []byte {
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// Time counts from the first byte of the message that is incomplete: a client is quick whose messages are, however the
// reads fall, and slow if one of them is, whatever comes between.
func TestTimeOfAMessage(t *testing.T) {
	t.Parallel()
	const text, begin, more, ping = 0x81, 0x01, 0x00, 0x89
	message := frame(text, `{"type":"pong"}`)
	tests := map[string]struct {
		first, each []byte
		closed      bool
	}{
		"QuickAndAhead":     {message[:1], append(message[1:len(message):len(message)], message[0]), false},
		"QuickInFragments":  {frame(begin, `{"type":`), append(frame(0x80, `"pong"}`), frame(begin, `{"type":`)...), false},
		"SlowBytes":         {frame(text, strings.Repeat("x", 100))[:1], nil, true},
		"SlowFragments":     {frame(begin, "x"), frame(more, "x"), true},
		"SlowWithPings":     {frame(begin, "x"), frame(ping, "x"), true},
		"SlowWithHalfPings": {append(frame(begin, "x"), ping), append(frame(ping, "x")[1:], ping), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, conn := newLone(t)
				c.Receive(bytes.Clone(test.first))
				began := time.Now()
				for time.Since(began) < 3*c.keeper.Limits.Read && !conn.closed() {
					time.Sleep(500 * time.Millisecond)
					c.Receive(bytes.Clone(test.each))
					c.life.asked = 0 // whatever was asked was answered
					c.inspect(c.keeper.ticks())
				}
				if conn.closed() != test.closed {
					t.Errorf("closed after %v: %v, want %v", time.Since(began), conn.closed(), test.closed)
				}
				took, limit := time.Since(began), c.keeper.Limits.Read
				inTime := took >= limit && took <= limit+time.Second
				if test.closed && (!inTime || !strings.Contains(conn.text(), "too long")) {
					t.Errorf("closed after %v with %q", took, conn.text())
				}
			})
		})
	}
}

// What comes after the last word costs nothing: not even its mask is taken off.
func TestNothingIsReadAfterTheLastWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, conn := newLone(t)
		c.Receive(frame(0x81, "nonsense"))
		if !conn.closed() {
			t.Fatal("not closed")
		}
		said := conn.Len()
		data := []byte{0x89, 0x81, 1, 2, 3, 4, 'x'}
		c.Receive(data)
		if data[6] != 'x' || conn.Len() != said {
			t.Errorf("read as %q, and answered by %d bytes", data[6], conn.Len()-said)
		}
	})
}

// While a stream is being opened its operations wait on: it may be that there is no room for it, and then nobody would
// ever end them.
func TestNothingBeginsOnAStreamThatIsBeingOpened(t *testing.T) {
	t.Parallel()
	k := newLoneKeeper(t)
	var began []string
	judge := operation.New(operation.Options{
		Schema: gqlparser.MustLoadSchema(&ast.Source{Input: "type Query { hello: String }"}), Limits: operation.DefaultLimits(),
	})
	op, refused := judge.Prepare(&operation.Request{Query: "{ hello }"})
	if refused != nil {
		t.Fatal(refused.Errors)
	}
	hand := func(token, id string) *fault.Fault {
		return k.Streams.hand(token, early{id: id, op: op, begin: func(*Conn) *fault.Fault {
			began = append(began, id)
			return nil
		}})
	}
	for token, opens := range map[string]bool{"opens": true, "fails": false} {
		if k.Streams.Reserve(token, netip.Prefix{}) != nil {
			t.Fatal("no room")
		}
		for i, step := range []func() *fault.Fault{
			func() *fault.Fault { return hand(token, token+" 1") },
			func() *fault.Fault { return k.Streams.Claim(token) },
			func() *fault.Fault { return hand(token, token+" 2") },
			func() *fault.Fault { return hand(token, token+" 3") },
			func() *fault.Fault { return k.Streams.End(token, token+" 2") },
		} {
			if f := step(); f != nil {
				t.Errorf("step %d: %v", i, f.Errors)
			}
		}
		if len(began) > 0 {
			t.Errorf("%q began too early", began)
		}
		if f := k.Streams.Claim(token); f == nil || f.Status != http.StatusConflict {
			t.Errorf("opened twice: %v", f)
		}
		if !opens {
			k.Streams.Forget(token)
			if f := hand(token, "4"); f == nil || f.Status != http.StatusNotFound || len(began) > 0 {
				t.Errorf("after it was given up: %v, %q", f, began)
			}
			continue
		}
		k.Streams.opened(token, &Conn{keeper: k})
		if f := hand(token, "opens 4"); f != nil || !slices.Equal(began, []string{"opens 1", "opens 3", "opens 4"}) {
			t.Errorf("opened: %v, %q began", f, began)
		}
		began = nil
	}
	if kept := k.Kept(); kept != 0 {
		t.Errorf("%d bytes are kept of what has begun or ended", kept)
	}
	if len(k.Streams.by) > 0 {
		t.Errorf("%v are counted as reserved", k.Streams.by)
	}
}

// Those who ask for streams when there is no room do not have all of them looked at each time.
func TestStreamsAreSweptOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newLoneKeeper(t)
		k.Limits.SocketsPerAddress = 2
		reserve := func() bool { return k.Streams.Reserve(rand.Text(), netip.Prefix{}) == nil }
		for i, step := range []struct {
			wait time.Duration
			room bool
		}{
			{0, true},
			{500 * time.Millisecond, true},
			{0, false},
			{reserved - 400*time.Millisecond, true}, // in place of the first
			{500 * time.Millisecond, false},         // the second is over, but it is too early to look again
			{500 * time.Millisecond, true},
		} {
			time.Sleep(step.wait)
			if got := reserve(); got != step.room {
				t.Errorf("step %d: %v, want %v", i, got, step.room)
			}
		}
	})
}
