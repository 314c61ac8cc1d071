//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// crowd is the sockets of one process. One thread reads them all into one buffer, and only looks for the few bytes that
// contain a version: watching must use less of the processor than the server does.
type crowd struct {
	order
	poll    int // the epoll descriptor
	address *syscall.SockaddrInet4

	mu        sync.Mutex // guards what follows
	sockets   []*socket
	versions  []int64 // the newest of each operation of each socket
	written   map[value]int64
	delivered int64
	late      []int64 // how many values took so many tenths of a millisecond
	gone      int
	backwards int
	began     float64 // processor time
}

// value is one version of one of the counts.
type value struct {
	operation int
	version   int64
}

// socket is one of those that watch.
type socket struct {
	fd     int
	number int
	rest   []byte // the beginning of a message that has not arrived completely
}

// playCrowd executes the commands that it reads from in, until there are no more.
func playCrowd(in io.Reader, out io.Writer) error {
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	c := &crowd{}
	if err := from.Decode(&c.order); err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return to.Encode(told{Fault: err.Error()})
	}
	if err := to.Encode(told{}); err != nil {
		return err
	}
	for {
		var q question
		switch err := from.Decode(&q); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := to.Encode(c.answer(q)); err != nil {
			return err
		}
	}
}

// handshakes are how many sockets are opened at once.
const handshakes = 32

// connect opens all sockets and returns when each has its first values.
func (c *crowd) connect() (err error) {
	c.versions = make([]int64, c.Sockets*len(c.Petitions))
	c.written = map[value]int64{}
	c.sockets = make([]*socket, c.Sockets)
	if c.address, err = parseAddress(c.Address); err != nil {
		return err
	}
	if c.poll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	// What arrives is read from the first socket on: a server whose first values nobody reads would have to keep them.
	go c.listen()
	var next atomic.Int64
	faults := make([]error, handshakes)
	var opening sync.WaitGroup
	for i := range faults {
		opening.Go(func() {
			for n := int(next.Add(1)) - 1; n < c.Sockets && faults[i] == nil; n = int(next.Add(1)) - 1 {
				if err := c.open(n); err != nil {
					faults[i] = fmt.Errorf("socket %d: %w", n, err)
				}
			}
		})
	}
	opening.Wait()
	return errors.Join(faults...)
}

// listen reads everything that arrives, until the process ends.
func (c *crowd) listen() {
	events := make([]syscall.EpollEvent, 1024)
	buffer := make([]byte, 256<<10) // one for all sockets: thousands of them would not fit into the processor's caches
	for {
		n, err := syscall.EpollWait(c.poll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			panic(err)
		}
		// Once for all that arrived together, not once for each.
		c.mu.Lock()
		for _, e := range events[:max(n, 0)] {
			c.read(c.sockets[e.Fd], buffer)
		}
		c.mu.Unlock()
	}
}

// read takes what has arrived on a socket. It reads once: if there is more, epoll reports the socket again.
func (c *crowd) read(s *socket, buffer []byte) {
	have := copy(buffer, s.rest)
	n, err := syscall.Read(s.fd, buffer[have:])
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return
	}
	if n <= 0 {
		c.lose(s)
		return
	}
	c.take(s, buffer[:have+n], time.Now().UnixNano())
}

// lose counts a socket that the server has ended.
func (c *crowd) lose(s *socket) {
	if s.fd >= 0 {
		_ = syscall.Close(s.fd) // which also removes it from epoll
		s.fd = -1
		c.gone++
	}
}

// take processes what has arrived on a socket and keeps what is incomplete.
func (c *crowd) take(s *socket, data []byte, now int64) {
	var rest []byte
	if c.Form == formEvents {
		rest = c.takeEvents(s, data, now)
	} else {
		rest = c.takeFrames(s, data, now)
	}
	s.rest = append(s.rest[:0], rest...)
}

// takeEvents takes server-sent events, which end with an empty line.
func (c *crowd) takeEvents(s *socket, data []byte, now int64) (rest []byte) {
	for {
		event, after, whole := bytes.Cut(data, []byte("\n\n"))
		if !whole {
			return data
		}
		if !c.takeValue(s, event, now) && bytes.Contains(event, []byte("event: complete")) {
			c.lose(s)
			return nil
		}
		data = after
	}
}

// takeFrames takes frames of a WebSocket. What is no value is answered as graphql-transport-ws wants it, or the server
// would close the socket.
func (c *crowd) takeFrames(s *socket, data []byte, now int64) (rest []byte) {
	for {
		op, payload, length := frame(data)
		if length == 0 {
			return data
		}
		if op != opText || !c.takeValue(s, payload, now) {
			if !c.reply(s, op, payload) {
				return nil
			}
		}
		data = data[length:]
	}
}

// reply answers messages that are not values, and reports whether the socket can still be used.
func (c *crowd) reply(s *socket, op byte, payload []byte) bool {
	const pong = `{"type":"pong"}`
	switch {
	case op == opPing:
		answer(s.fd, opPong, payload)
	case op == opPong:
	case op == opText && bytes.Contains(payload, []byte(`"type":"ping"`)):
		answer(s.fd, opText, []byte(pong))
	case op == opText && (bytes.Contains(payload, []byte(`"type":"pong"`)) || bytes.Contains(payload, []byte(`"type":"ka"`))):
	default:
		c.lose(s)
		return false
	}
	return true
}

// answer sends a small frame. A socket that cannot send it is lost anyway.
func answer(fd int, op byte, payload []byte) {
	_, _ = syscall.Write(fd, append(appendHead(nil, op, len(payload), true), payload...))
}

var versionMark, idMark, asOfMark = []byte(`"version":`), []byte(`"id":"`), []byte(`"asOf":"`)

// takeValue records a value, if the message is one.
func (c *crowd) takeValue(s *socket, text []byte, now int64) bool {
	i := bytes.Index(text, versionMark)
	if i < 0 {
		return false
	}
	// By hand: to decode the JSON of every value would cost more than the server takes to send it.
	v := value{c.operation(text), 0}
	for _, digit := range text[i+len(versionMark):] {
		if digit < '0' || digit > '9' {
			break
		}
		v.version = 10*v.version + int64(digit-'0')
	}
	place := &c.versions[s.number*len(c.Petitions)+v.operation]
	if v.version < *place { // which must never happen: newer values only replace older ones
		c.backwards++
	}
	*place = v.version
	c.delivered++
	tenths := int(max(0, now-c.writtenAt(v, text)) / 100_000)
	if tenths >= len(c.late) {
		c.late = append(c.late, make([]int64, tenths+1-len(c.late))...)
	}
	c.late[tenths]++
	return true
}

// operation returns the number of the operation to which a value belongs. It serves as its id.
func (c *crowd) operation(text []byte) int {
	if len(c.Petitions) == 1 {
		return 0
	}
	i := bytes.Index(text, idMark)
	if i < 0 || i+len(idMark) >= len(text) {
		return 0
	}
	return min(int(text[i+len(idMark)]-'0'), len(c.Petitions)-1)
}

// writtenAt returns when a value was written, which is part of the value. It is parsed only once for each.
func (c *crowd) writtenAt(v value, text []byte) int64 {
	at, known := c.written[v]
	if !known {
		at = asOf(text)
		c.written[v] = at
	}
	return at
}

// asOf returns when a value was written, by the clock of this machine, which the server shares.
func asOf(text []byte) int64 {
	_, after, _ := bytes.Cut(text, asOfMark)
	moment, _, _ := bytes.Cut(after, []byte(`"`))
	t, err := time.Parse(time.RFC3339Nano, string(moment))
	if err != nil {
		return time.Now().UnixNano()
	}
	return t.UnixNano()
}

// answer returns what was received so far, as soon as all have the versions that are asked for or the time is over.
func (c *crowd) answer(q question) told {
	if q.Begin {
		return c.begin()
	}
	until := time.Now().Add(q.Within)
	for c.behind(q.Versions) > 0 && time.Now().Before(until) {
		time.Sleep(5 * time.Millisecond)
	}
	t := told{Behind: c.behind(q.Versions), Delays: delays{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Delivered, t.Gone, t.Backwards, t.Processor = c.delivered, c.gone, c.backwards, ownTime()-c.began
	for tenths, n := range c.late {
		if n > 0 {
			t.Delays[tenths] = n
		}
	}
	return t
}

// begin starts counting from zero.
func (c *crowd) begin() told {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered, c.backwards = 0, 0
	clear(c.late)
	c.began = ownTime()
	return told{}
}

// behind returns how many operations have not received these versions yet.
func (c *crowd) behind(last []int64) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, v := range c.versions {
		if v < last[i%len(last)] {
			n++
		}
	}
	return n
}

// ownTime returns the processor time of this process in seconds.
func ownTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / float64(time.Second)
}

// add has epoll report what arrives on a socket.
func (c *crowd) add(s *socket, came []byte) error {
	if err := syscall.SetNonblock(s.fd, true); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// What came with the handshake first, and epoll only then: nothing that follows can overtake it.
	c.sockets[s.number] = s
	c.take(s, slices.Clone(came), time.Now().UnixNano())
	if s.fd < 0 {
		return io.ErrUnexpectedEOF
	}
	event := &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(s.number)} // not the descriptor: it comes back as it is
	return syscall.EpollCtl(c.poll, syscall.EPOLL_CTL_ADD, s.fd, event)
}
