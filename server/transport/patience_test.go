package transport

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"petitiond/server/transport/socket"
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

// newLone returns a socket that nothing but the test looks after.
func newLone(t *testing.T) (*line, *recorder) {
	tr := newChecked(nil)
	t.Cleanup(tr.die)
	r := &recorder{}
	l := &line{t: tr, manner: overSocket, conn: r, frames: socket.Reader{Max: 64 << 10}, opened: tr.lines.ticks()}
	l.rate = rate{at: l.opened, left: float32(tr.limits.MessageBurst)}
	l.session.Acknowledged()
	return l, r
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
				l, conn := newLone(t)
				l.Receive(bytes.Clone(test.first))
				began := now()
				for now().Sub(began) < 3*l.t.limits.Read && !conn.closed() {
					time.Sleep(500 * time.Millisecond)
					l.Receive(bytes.Clone(test.each))
					l.asked = 0 // whatever was asked was answered
					l.look(l.t.lines.ticks())
				}
				if conn.closed() != test.closed {
					t.Errorf("closed after %v: %v, want %v", now().Sub(began), conn.closed(), test.closed)
				}
				took, limit := now().Sub(began), l.t.limits.Read
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
		l, conn := newLone(t)
		l.Receive(frame(0x81, "nonsense"))
		if !conn.closed() {
			t.Fatal("not closed")
		}
		said := conn.Len()
		data := []byte{0x89, 0x81, 1, 2, 3, 4, 'x'}
		l.Receive(data)
		if data[6] != 'x' || conn.Len() != said {
			t.Errorf("read as %q, and answered by %d bytes", data[6], conn.Len()-said)
		}
	})
}

// While a stream is being opened its operations wait on: it may be that there is no room for it, and then nobody would
// ever end them.
func TestNothingBeginsOnAStreamThatIsBeingOpened(t *testing.T) {
	t.Parallel()
	tr := newChecked(nil)
	defer tr.die()
	var began []string
	hand := func(token, id string) *fault {
		return tr.streams.hand(token, early{id: id, begin: func(*line) *fault {
			began = append(began, id)
			return nil
		}}, tr.limits)
	}
	for token, opens := range map[string]bool{"opens": true, "fails": false} {
		if !tr.streams.reserve(token, netip.Prefix{}, tr.limits) {
			t.Fatal("no room")
		}
		for i, step := range []func() *fault{
			func() *fault { return hand(token, token+" 1") },
			func() *fault { return tr.streams.take(token) },
			func() *fault { return hand(token, token+" 2") },
			func() *fault { return hand(token, token+" 3") },
			func() *fault { return tr.streams.end(token, token+" 2") },
		} {
			if f := step(); f != nil {
				t.Errorf("step %d: %v", i, f.errs)
			}
		}
		if len(began) > 0 {
			t.Errorf("%q began too early", began)
		}
		if f := tr.streams.take(token); f == nil || f.status != http.StatusConflict {
			t.Errorf("opened twice: %v", f)
		}
		if !opens {
			tr.streams.forget(token)
			if f := hand(token, "4"); f == nil || f.status != http.StatusNotFound || len(began) > 0 {
				t.Errorf("after it was given up: %v, %q", f, began)
			}
			continue
		}
		tr.streams.opened(token, &line{t: tr})
		if f := hand(token, "opens 4"); f != nil || !slices.Equal(began, []string{"opens 1", "opens 3", "opens 4"}) {
			t.Errorf("opened: %v, %q began", f, began)
		}
		began = nil
	}
	if len(tr.streams.by) > 0 {
		t.Errorf("%v are counted as reserved", tr.streams.by)
	}
}

// Those who ask for streams when there is no room do not have all of them looked at each time.
func TestStreamsAreSweptOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newChecked(nil)
		defer tr.die()
		limits := tr.limits
		limits.SocketsPerAddress = 2
		reserve := func() bool { return tr.streams.reserve(rand.Text(), netip.Prefix{}, limits) }
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
