package epoll

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// account is a handler that notes what it is told, in order.
type account struct {
	mu    sync.Mutex
	words []string
	act   func(a *account, told string) // what the handler does when it is told something; nil: nothing
	conn  Conn
}

func (a *account) tell(word string) {
	a.mu.Lock()
	a.words = append(a.words, word)
	a.mu.Unlock()
	if a.act != nil {
		a.act(a, word)
	}
}

func (a *account) Receive(data []byte) { a.tell("receive " + string(data)) }
func (a *account) Ready()              { a.tell("ready") }
func (a *account) Lost()               { a.tell("lost") }

// told returns what the handler was told since the last time.
func (a *account) told() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	words := a.words
	a.words = nil
	return words
}

// want fails the test unless the handler was told exactly this since the last time.
func (a *account) want(t *testing.T, words ...string) {
	t.Helper()
	got := a.told()
	if len(got) != len(words) {
		t.Fatalf("told %q, want %q", got, words)
	}
	for i, word := range words {
		if got[i] != word {
			t.Fatalf("told %q, want %q", got, words)
		}
	}
}

// escorted runs a test in a bubble with the far end of a connection that has a goroutine of its own. After
// synctest.Wait everything has happened that will.
func escorted(t *testing.T, read string, act func(*account, string), test func(t *testing.T, far net.Conn, a *account)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		a := &account{act: act}
		accompany(near, []byte(read), a, func(c Conn) { a.conn = c })
		defer func() {
			a.conn.Close()
			_ = far.Close()
		}()
		test(t, far, a)
	})
}

func mustWrite(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// What was read before the connection was taken over comes first.
func TestEscortReceivesInOrder(t *testing.T) {
	t.Parallel()
	escorted(t, "early", nil, func(t *testing.T, far net.Conn, a *account) {
		synctest.Wait()
		a.want(t, "receive early")
		mustWrite(t, far, "one")
		mustWrite(t, far, "two")
		synctest.Wait()
		a.want(t, "receive one", "receive two")
		mustWrite(t, far, string(bytes.Repeat([]byte("x"), small+1)))
		synctest.Wait()
		a.want(t, "receive "+string(bytes.Repeat([]byte("x"), small)), "receive x")
	})
}

// The client's end is told once, and nothing after it.
func TestEscortIsLostOnce(t *testing.T) {
	t.Parallel()
	escorted(t, "", nil, func(t *testing.T, far net.Conn, a *account) {
		mustWrite(t, far, "last")
		if err := far.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a.want(t, "receive last", "lost")
		if n, err := a.conn.Write([]byte("x")); n != 0 || !errors.Is(err, ErrClosed) {
			t.Errorf("wrote %d bytes to nobody: %v", n, err)
		}
		a.conn.Close()
		synctest.Wait()
		a.want(t)
	})
}

// What is closed here is not lost, and nothing is told of it.
func TestEscortClosed(t *testing.T) {
	t.Parallel()
	escorted(t, "", nil, func(t *testing.T, far net.Conn, a *account) {
		a.conn.Close()
		a.conn.Close()
		if _, err := far.Write([]byte("x")); err == nil {
			t.Error("the other end is still there")
		}
		synctest.Wait()
		a.want(t)
	})
}

// A handler may close its connection while it is told something.
func TestEscortClosedByItsHandler(t *testing.T) {
	t.Parallel()
	escorted(t, "enough", func(a *account, _ string) { a.conn.Close() }, func(t *testing.T, far net.Conn, a *account) {
		synctest.Wait()
		a.want(t, "receive enough")
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the other end reads: %v", err)
		}
	})
}

// While something is being written nothing else is taken; then there is word that there is room, once.
func TestEscortIsReadyAgain(t *testing.T) {
	t.Parallel()
	escorted(t, "", nil, func(t *testing.T, far net.Conn, a *account) {
		if n, err := a.conn.Write([]byte("first")); n != 5 || err != nil {
			t.Fatalf("%d bytes were taken: %v", n, err)
		}
		for range 3 {
			if n, err := a.conn.Write([]byte("second")); n != 0 || err != nil {
				t.Fatalf("%d bytes were taken while others were written: %v", n, err)
			}
		}
		synctest.Wait()
		a.want(t)
		got := make([]byte, 5)
		if _, err := io.ReadFull(far, got); err != nil || string(got) != "first" {
			t.Fatalf("read %q: %v", got, err)
		}
		synctest.Wait()
		a.want(t, "ready")
		if n, err := a.conn.Write([]byte("second")); n != 6 || err != nil {
			t.Fatalf("%d bytes were taken: %v", n, err)
		}
		if _, err := io.ReadFull(far, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a.want(t) // nobody had been turned away
	})
}

// The caller's bytes are its own again after Write, though they may not have left.
func TestEscortKeepsNoBytesOfOthers(t *testing.T) {
	t.Parallel()
	escorted(t, "", nil, func(t *testing.T, far net.Conn, a *account) {
		data := []byte("mine")
		if _, err := a.conn.Write(data); err != nil {
			t.Fatal(err)
		}
		copy(data, "gone")
		got := make([]byte, 4)
		if _, err := io.ReadFull(far, got); err != nil || string(got) != "mine" {
			t.Errorf("read %q: %v", got, err)
		}
	})
}

// A connection that is given up while something is written tells nothing more.
func TestEscortClosedWhileItWrites(t *testing.T) {
	t.Parallel()
	escorted(t, "", nil, func(t *testing.T, _ net.Conn, a *account) {
		_, _ = a.conn.Write([]byte("nobody reads this"))
		_, _ = a.conn.Write([]byte("nor this"))
		a.conn.Close()
		synctest.Wait()
		a.want(t)
		if n, err := a.conn.Write([]byte("x")); n != 0 || !errors.Is(err, ErrClosed) {
			t.Errorf("wrote %d bytes: %v", n, err)
		}
	})
}

// While a connection is paused nothing is told of it, also not that the client has gone; then everything is, in order.
func TestEscortPauses(t *testing.T) {
	t.Parallel()
	pause := func(a *account, _ string) { a.conn.Pause() }
	escorted(t, "early", pause, func(t *testing.T, far net.Conn, a *account) {
		synctest.Wait()
		a.want(t, "receive early")
		for _, word := range []string{"one", "two"} {
			go func() { _, _ = far.Write([]byte(word)) }() // it waits until it is read
			synctest.Wait()
			a.want(t)
			if err := a.conn.Resume(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			a.want(t, "receive "+word)
		}
		if err := far.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a.want(t)
		if err := a.conn.Resume(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a.want(t, "lost")
	})
}

// Closing ends a pause: the goroutine goes, and nothing is told.
func TestEscortClosedWhilePaused(t *testing.T) {
	t.Parallel()
	pause := func(a *account, _ string) { a.conn.Pause() }
	escorted(t, "early", pause, func(t *testing.T, _ net.Conn, a *account) {
		synctest.Wait()
		a.want(t, "receive early")
		a.conn.Close() // without a Resume: a goroutine that stays would end the bubble in a panic
		synctest.Wait()
		a.want(t)
	})
}

// halfPipe is an end of a pipe whose writing half can be ended.
type halfPipe struct {
	net.Conn

	ended chan struct{}
}

func (h *halfPipe) CloseWrite() error {
	close(h.ended)
	return nil
}

// Finish ends the writing half after what is being written, and not in the middle of it.
func TestEscortFinishes(t *testing.T) {
	t.Parallel()
	for name, writing := range map[string]bool{"Idle": false, "Writing": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				pipe, far := net.Pipe()
				near, a := &halfPipe{pipe, make(chan struct{})}, &account{}
				accompany(near, nil, a, func(c Conn) { a.conn = c })
				defer a.conn.Close()
				over := func() bool {
					synctest.Wait()
					select {
					case <-near.ended:
						return true
					default:
						return false
					}
				}
				if writing {
					_, _ = a.conn.Write([]byte("bye"))
				}
				a.conn.Finish()
				if over() == writing {
					t.Errorf("ended: %v", over())
				}
				if writing {
					if _, err := io.ReadFull(far, make([]byte, 3)); err != nil {
						t.Fatal(err)
					}
				}
				if !over() {
					t.Error("not ended")
				}
				mustWrite(t, far, "and you")
				synctest.Wait()
				a.want(t, "receive and you")
			})
		})
	}
}

// The handler is told one thing after the other, though two goroutines tell it.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inside atomic.Int32
		let := make(chan struct{})
		a := &account{act: func(*account, string) {
			if n := inside.Add(1); n > 1 {
				t.Errorf("%d are inside at once", n)
			}
			<-let
			inside.Add(-1)
		}}
		h := &turns{Handler: a}
		for _, tell := range []func(){func() { h.Receive([]byte("x")) }, h.Ready, h.Lost} {
			go tell()
		}
		for range 3 {
			let <- struct{}{} // the one inside takes it
		}
		synctest.Wait()
		if got := a.told(); len(got) != 3 {
			t.Errorf("told %q", got)
		}
	})
}
