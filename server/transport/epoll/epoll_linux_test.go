package epoll

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// polled is a connection of a test: both of its ends, and what its handler was told.
type polled struct {
	*account

	far *net.TCPConn
}

// bench is a loop, and a connection on it by which a test learns that everything has happened.
type bench struct {
	*Loop

	t     *testing.T
	fence *polled
	word  chan struct{}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	loop, err := New()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Loop: loop, t: t, word: make(chan struct{}, 1)}
	t.Cleanup(loop.Close)
	b.fence = b.adopt("", func(*account, string) { b.word <- struct{}{} })
	return b
}

// settled returns when everything has been told of what had happened before. The loop takes events in batches: those
// before the first word are over with the batch of the second at the latest.
func (b *bench) settled() {
	b.t.Helper()
	for range 2 {
		mustWrite(b.t, b.fence.far, "x")
		select {
		case <-b.word:
		case <-time.After(10 * time.Second):
			b.t.Fatal("the loop stands still")
		}
	}
}

func ends(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dialed, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialed.Close() })
	_ = dialed.SetDeadline(time.Now().Add(20 * time.Second))
	return accepted.(*net.TCPConn), dialed.(*net.TCPConn)
}

// adopt adds a connection to the loop.
func (b *bench) adopt(read string, act func(*account, string)) *polled {
	b.t.Helper()
	near, far := ends(b.t)
	p := &polled{&account{act: act}, far}
	if err := b.Adopt(near, []byte(read), p.account, func(c Conn) { p.conn = c }); err != nil {
		b.t.Fatal(err)
	}
	if _, ok := p.conn.(*descriptor); !ok {
		b.t.Fatalf("the connection is a %T", p.conn)
	}
	b.t.Cleanup(p.conn.Close)
	return p
}

// The client's end is told once, and nothing after it.
func TestLostOnce(t *testing.T) {
	t.Parallel()
	for name, linger := range map[string]int{"End": -1, "Reset": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			p := b.adopt("", nil)
			_ = p.far.SetLinger(linger)
			if err := p.far.Close(); err != nil {
				t.Fatal(err)
			}
			b.settled()
			p.want(t, "lost")
			b.settled()
			p.want(t)
			if n, err := p.conn.Write([]byte("x")); n != 0 || !errors.Is(err, ErrClosed) {
				t.Errorf("wrote %d bytes to nobody: %v", n, err)
			}
			p.conn.Finish() // and these do nothing
			p.conn.Pause()
			if err := p.conn.Resume(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What the client sent before it went is told first.
func TestLastWords(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.adopt("early", nil)
	mustWrite(t, p.far, "last")
	if err := p.far.Close(); err != nil {
		t.Fatal(err)
	}
	b.settled()
	b.settled() // the end comes with another batch
	p.want(t, "receive early", "receive last", "lost")
}

// What is closed here is not lost, and nothing is told of it, whatever had come.
func TestClosed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.adopt("", nil)
	p.conn.Close()
	p.conn.Close()
	if _, err := p.far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the other end reads: %v", err)
	}
	_, _ = p.far.Write([]byte("x"))
	b.settled()
	p.want(t)
}

// A handler may close its connection while it is told something: by what was read before it was taken over, too.
func TestClosedByItsHandler(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	leave := func(a *account, _ string) { a.conn.Close() }
	early, late := b.adopt("enough", leave), b.adopt("", leave)
	mustWrite(t, late.far, "enough")
	b.settled()
	for _, p := range []*polled{early, late} {
		p.want(t, "receive enough")
		if _, err := p.far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the other end reads: %v", err)
		}
	}
}

// The number of a connection that was closed is soon another's, of whom nothing is told that was about the first.
func TestNumbersAreUsedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.adopt("", nil)
	number := first.conn.(*descriptor).fd
	second := b.adopt("", nil)
	// As if the kernel had told of the first in the batch in which it was closed, and the second had its number.
	first.conn.Close()
	d := second.conn.(*descriptor)
	for _, events := range []uint32{syscall.EPOLLIN, syscall.EPOLLOUT, syscall.EPOLLIN | syscall.EPOLLOUT} {
		d.happen(events, make([]byte, 16))
	}
	second.want(t)
	first.conn.(*descriptor).happen(syscall.EPOLLIN|syscall.EPOLLRDHUP|syscall.EPOLLOUT, make([]byte, 16))
	first.want(t)
	if got := b.poll.find(number); got == first.conn {
		t.Error("the first is still found by its number")
	}
	for _, fd := range []int{1 << 20, number + 1000} {
		if got := b.poll.find(fd); got != nil {
			t.Errorf("number %d is that of %v", fd, got)
		}
	}
}

// fill writes until there is no room any more, neither here nor in the kernel of the client, and returns how much it
// was.
func fill(t *testing.T, b *bench, p *polled) (sent int) {
	t.Helper()
	full := bytes.Repeat([]byte("x"), 1<<20)
	for again := true; again; again = len(p.told()) > 0 {
		for n := len(full); n == len(full); sent += n {
			var err error
			if n, err = p.conn.Write(full); err != nil {
				t.Fatal(err)
			}
		}
		b.settled()
	}
	return sent
}

// There is word that there is room only after there was none, and once.
func TestReadyOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.adopt("", nil)
	mustWrite(t, p.conn, "fits")
	b.settled()
	p.want(t)
	sent := fill(t, b, p)
	b.settled()
	p.want(t) // the client reads nothing
	if _, err := io.CopyN(io.Discard, p.far, int64(len("fits")+sent)); err != nil {
		t.Fatal(err)
	}
	b.settled()
	p.want(t, "ready")
	b.settled()
	p.want(t)
}

// Nothing that was written is lost or turned round, however slowly the client reads.
func TestWrittenInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ready := make(chan struct{}, 1)
	p := b.adopt("", func(_ *account, told string) {
		if told == "ready" {
			ready <- struct{}{}
		}
	})
	var sent bytes.Buffer
	for i := range 200_000 {
		fmt.Fprintf(&sent, "%d,", i)
	}
	got := make(chan []byte, 1)
	go func() {
		all, buffer := []byte(nil), make([]byte, 3000)
		for {
			n, err := p.far.Read(buffer)
			if all = append(all, buffer[:n]...); err != nil {
				got <- all
				return
			}
		}
	}()
	for rest := sent.Bytes(); len(rest) > 0; {
		n, err := p.conn.Write(rest)
		if err != nil {
			t.Fatal(err)
		}
		if rest = rest[n:]; len(rest) > 0 {
			<-ready
		}
	}
	p.conn.Finish()
	if !bytes.Equal(<-got, sent.Bytes()) {
		t.Error("other bytes came than were sent")
	}
}

// More than one read takes is told in parts, and others have their turn in between.
func TestMuchArrives(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.adopt("", nil)
	sent := strings.Repeat("0123456789abcdef", 3*arrived/16)
	go func() { _, _ = p.far.Write([]byte(sent)) }()
	var got strings.Builder
	for got.Len() < len(sent) {
		b.settled()
		for _, word := range p.told() {
			part, ok := strings.CutPrefix(word, "receive ")
			if !ok || len(part) > arrived {
				t.Fatalf("told %.20q of %d bytes", word, len(part))
			}
			got.WriteString(part)
		}
	}
	if got.String() != sent {
		t.Error("other bytes came than were sent")
	}
}

// While a connection is paused nothing is told of it, also not that the client has gone; then everything is, in order.
func TestPauses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.adopt("early", func(a *account, _ string) { a.conn.Pause() })
	p.want(t, "receive early")
	for _, word := range []string{"one", "two"} {
		mustWrite(t, p.far, word)
		b.settled()
		p.want(t)
		if err := p.conn.Resume(); err != nil {
			t.Fatal(err)
		}
		b.settled()
		p.want(t, "receive "+word)
	}
	if err := p.far.Close(); err != nil {
		t.Fatal(err)
	}
	b.settled()
	p.want(t)
	if err := p.conn.Resume(); err != nil {
		t.Fatal(err)
	}
	b.settled()
	p.want(t, "lost")
}

// Nothing is told either of what the kernel had reported before the pause, in the same batch.
func TestPausedInABatch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.adopt("", nil)
	p.conn.Pause()
	mustWrite(t, p.far, "x")
	b.settled()
	p.conn.(*descriptor).happen(syscall.EPOLLIN, make([]byte, 16))
	p.want(t)
	if err := p.conn.Resume(); err != nil {
		t.Fatal(err)
	}
	b.settled()
	p.want(t, "receive x")
}

// A connection can be written to while it is paused; that there is room again is told when it goes on.
func TestFullWhilePaused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.adopt("", nil)
	sent := fill(t, b, p)
	p.conn.Pause()
	n, err := p.conn.Write(bytes.Repeat([]byte("x"), 1<<20)) // a byte or two may still fit
	if err != nil || n > 1<<19 {
		t.Fatalf("wrote %d bytes: %v", n, err)
	}
	sent += n
	if _, err := io.CopyN(io.Discard, p.far, int64(sent)); err != nil {
		t.Fatal(err)
	}
	b.settled()
	p.want(t)
	if err := p.conn.Resume(); err != nil {
		t.Fatal(err)
	}
	b.settled()
	p.want(t, "ready")
}

// Resuming what was not paused, or twice, changes nothing.
func TestResumedTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.adopt("", nil)
	for range 2 {
		if err := p.conn.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	p.conn.Pause()
	p.conn.Pause()
	mustWrite(t, p.far, "x")
	for range 2 {
		if err := p.conn.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	b.settled()
	p.want(t, "receive x")
}

// After a loop has ended it takes no connection, and the one that it is given is closed.
func TestAdoptAfterTheEnd(t *testing.T) {
	t.Parallel()
	loop, err := New()
	if err != nil {
		t.Fatal(err)
	}
	loop.Close()
	near, far := ends(t)
	a := &account{}
	if err := loop.Adopt(near, nil, a, func(c Conn) { a.conn = c }); err == nil {
		t.Error("taken")
	}
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the other end reads: %v", err)
	}
	a.want(t)
	a.conn.Close() // harmless
}

// A connection that was closed before it came is an error.
func TestAdoptClosed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	near, _ := ends(t)
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Adopt(near, nil, &account{}, func(Conn) { t.Error("it is there") }); err == nil {
		t.Error("taken")
	}
}

// TestManyAtOnce lets clients write, read and go in any order while their connections are written to, paused and
// closed. Of each connection is told what its client sent, in order, and at most one end.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var clients sync.WaitGroup
	for client := range uint64(24) {
		p := b.adopt("", nil)
		clients.Go(func() { live(p, rand.New(rand.NewPCG(7, client))) })
		defer check(t, p)
	}
	clients.Wait()
	b.settled()
	b.settled()
}

// live is the life of one connection. Everything that its client sends are numbers that count up.
func live(p *polled, random *rand.Rand) {
	go func() { _, _ = io.Copy(io.Discard, p.far) }()
	for n := range 300 {
		switch random.IntN(8) {
		case 0:
			p.conn.Pause()
		case 1, 2:
			_ = p.conn.Resume()
		case 3:
			_, _ = p.conn.Write(bytes.Repeat([]byte("x"), random.IntN(1<<16)))
		case 4:
			if n > 250 {
				p.conn.Close()
			}
		case 5:
			if n > 280 {
				_ = p.far.Close()
			}
		default:
			_, _ = p.far.Write([]byte{byte(n)})
		}
	}
	_ = p.conn.Resume()
}

func check(t *testing.T, p *polled) {
	t.Helper()
	last := -1
	words := p.told()
	for i, word := range words {
		text, received := strings.CutPrefix(word, "receive ")
		if word == "lost" && i < len(words)-1 {
			t.Errorf("told %.20q after the end", words[i+1])
		}
		for _, n := range []byte(text) {
			if received && int(n) <= last%256 && last-int(n) < 128 {
				t.Errorf("%d came after %d", n, last)
			}
			if received {
				last = int(n)
			}
		}
	}
}
