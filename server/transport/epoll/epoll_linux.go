package epoll

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

const (
	// arrived is how many bytes are read from one connection before others have their turn. The rest is reported
	// again in the next round, since epoll is used level-triggered.
	arrived = 64 << 10
	// events is how many events are taken from the kernel at once.
	events = 256
	// sendBuffer is how many bytes the kernel may hold for a client that does not read.
	sendBuffer = 64 << 10
	// waiting are the events that a connection is always watched for.
	waiting = syscall.EPOLLIN | syscall.EPOLLRDHUP
)

// poller waits for all connections in one goroutine. The Go runtime's own poller in turn waits for the epoll
// descriptor, which saves a blocked thread.
type poller struct {
	file *os.File // the epoll instance
	raw  syscall.RawConn
	done chan struct{}

	mu sync.Mutex
	// A slice and not a map: it is looked into for every event, and takes eight bytes for each connection.
	conns []*descriptor // indexed by descriptor; the kernel reuses small numbers first
}

// newPoller makes an epoll instance and begins to wait on it.
func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	// Only a descriptor that does not block is taken over by the poller of the Go runtime; os.NewFile would leave any
	// other one out of it, without an error.
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("make an epoll instance: %w", err), syscall.Close(fd))
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{})}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	go p.run()
	return p, nil
}

// close ends the loop and waits for it: raw.Read fails once the file is closed.
func (p *poller) close() {
	_ = p.file.Close()
	<-p.done
}

// run passes events on, one after the other: handlers are never called concurrently because there is this one
// goroutine, and they must not block because it serves everybody.
func (p *poller) run() {
	defer close(p.done)
	list, buffer := make([]syscall.EpollEvent, events), make([]byte, arrived)
	for {
		count := 0
		// An epoll instance is readable itself while it has events. With false the runtime parks this goroutine until
		// it is; the kernel is only ever asked for what is there already.
		err := p.raw.Read(func(fd uintptr) bool {
			n, err := syscall.EpollWait(int(fd), list, 0)
			count = max(n, 0)
			return n > 0 || err != nil && !errors.Is(err, syscall.EINTR) && !errors.Is(err, syscall.EAGAIN)
		})
		if err != nil {
			return // closed
		}
		for _, e := range list[:count] {
			// One that was closed by an event before it in the same list is not found any more.
			if d := p.find(int(e.Fd)); d != nil {
				d.happen(e.Events, buffer)
			}
		}
	}
}

// find returns the connection with a descriptor, or nil.
func (p *poller) find(fd int) *descriptor {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd >= len(p.conns) {
		return nil
	}
	return p.conns[fd]
}

// put sets the connection with a descriptor; nil forgets it.
func (p *poller) put(fd int, d *descriptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd >= len(p.conns) {
		p.conns = append(p.conns, make([]*descriptor, fd+1-len(p.conns))...)
	}
	p.conns[fd] = d
}

// control changes what the kernel reports of a descriptor. Within raw.Control the epoll instance cannot be closed, and
// its number not be given to another file.
func (p *poller) control(op, fd int, events uint32) error {
	var failed error
	err := p.raw.Control(func(epoll uintptr) {
		failed = syscall.EpollCtl(int(epoll), op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
	})
	return errors.Join(err, failed)
}

// adopt duplicates the descriptor and closes the original, which frees everything that Go's net package holds for the
// connection.
func (p *poller) adopt(conn *net.TCPConn, read []byte, h Handler, ready func(Conn)) (bool, error) {
	fd, err := duplicate(conn)
	if err != nil {
		return false, nil //nolint:nilerr // the connection is intact and can have a goroutine of its own instead
	}
	// The duplicate keeps the connection open.
	_ = conn.Close()
	// If this fails, the connection works all the same, with a larger buffer.
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, sendBuffer)
	d := &descriptor{poll: p, fd: fd, handler: h}
	// The poller does not know of it yet, so these calls come before all others.
	ready(d)
	if len(read) > 0 {
		h.Receive(read)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return true, nil // the handler closed it because of what was read
	}
	p.put(fd, d)
	d.kept = true
	if err := d.wait(); err != nil {
		d.end()
		return true, err
	}
	return true, nil
}

// duplicate returns a second descriptor of a connection, which child processes do not inherit. Like the first it does
// not block: that belongs to what both of them share.
func duplicate(conn *net.TCPConn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("reach a connection: %w", err)
	}
	var failed syscall.Errno
	err = raw.Control(func(from uintptr) {
		var n uintptr
		n, _, failed = syscall.Syscall(syscall.SYS_FCNTL, from, syscall.F_DUPFD_CLOEXEC, 0)
		fd = int(n)
	})
	if err == nil && failed != 0 {
		err = failed
	}
	return fd, err
}

// descriptor is a connection on Linux.
type descriptor struct {
	poll    *poller
	handler Handler

	mu     sync.Mutex // held while fd is used: once closed, the number may be another connection's at once
	fd     int        // -1: closed
	kept   bool       // adopt has finished
	paused bool
	added  bool // the poller waits for it
	full   bool // the last Write did not take everything
}

var _ Conn = (*descriptor)(nil)

// wants returns the events to wait for. Room to send is asked for only while it lacks: a socket nearly always has it,
// and would wake the loop without end.
func (d *descriptor) wants() uint32 {
	if d.full {
		return waiting | syscall.EPOLLOUT
	}
	return waiting
}

// Write sends what can be sent at once.
func (d *descriptor) Write(data []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return 0, ErrClosed
	}
	n, err := syscall.Write(d.fd, data)
	// A signal came first, such as those by which the Go runtime preempts goroutines.
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Write(d.fd, data)
	}
	n = max(n, 0)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		return n, fmt.Errorf("write to a connection: %w", err)
	}
	d.fill(n < len(data))
	return n, nil
}

// fill records whether the send buffer is full, and makes the poller wait for room if so. It needs mu.
func (d *descriptor) fill(full bool) {
	if d.full == full {
		return
	}
	d.full = full
	if d.added {
		// If this fails, the connection stalls and is dropped by its deadline.
		_ = d.poll.control(syscall.EPOLL_CTL_MOD, d.fd, d.wants())
	}
}

// wait makes the poller wait for the connection, unless it is paused. It needs mu.
func (d *descriptor) wait() error {
	if !d.kept || d.paused || d.added || d.fd < 0 {
		return nil
	}
	if err := d.poll.control(syscall.EPOLL_CTL_ADD, d.fd, d.wants()); err != nil {
		return fmt.Errorf("wait for a connection: %w", err)
	}
	d.added = true
	return nil
}

// Pause removes the connection from the poller entirely: a client that hangs up would otherwise wake it over and over.
func (d *descriptor) Pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused = true
	if d.added && d.fd >= 0 {
		d.added = d.poll.control(syscall.EPOLL_CTL_DEL, d.fd, 0) != nil
	}
}

// Resume returns the connection to the poller, which then reports what has arrived meanwhile.
func (d *descriptor) Resume() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused = false
	return d.wait()
}

// Finish shuts down the sending side.
func (d *descriptor) Finish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd >= 0 {
		_ = syscall.Shutdown(d.fd, syscall.SHUT_WR)
	}
}

// Close closes the descriptor.
func (d *descriptor) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end()
}

// end needs mu. Closing the only descriptor of a connection also removes it from the poller.
func (d *descriptor) end() {
	if d.fd < 0 {
		return
	}
	d.poll.put(d.fd, nil)
	_ = syscall.Close(d.fd)
	d.fd = -1
}

// happen passes an event from the kernel to the handler. The event may belong to an earlier connection with the same
// number: then there is nothing to read, and nothing happens.
func (d *descriptor) happen(events uint32, buffer []byte) {
	if events&syscall.EPOLLOUT != 0 && d.roomy() {
		d.handler.Ready()
	}
	if events&^uint32(syscall.EPOLLOUT) == 0 {
		return
	}
	n, lost := d.read(buffer)
	if n > 0 {
		d.handler.Receive(buffer[:n])
	}
	if lost {
		d.handler.Lost()
	}
}

// roomy reports whether there is room again that a Write has missed, and stops waiting for it.
func (d *descriptor) roomy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 || !d.full {
		return false
	}
	d.fill(false)
	return true
}

// read reads once. The lock is given back before the handler is called, which may write, pause and close.
func (d *descriptor) read(buffer []byte) (n int, lost bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 || d.paused {
		return 0, false
	}
	n, err := syscall.Read(d.fd, buffer)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return 0, false
	// Closed here and not by the handler: the end of a connection would be reported again in each round.
	case err != nil, n <= 0:
		d.end()
		return 0, true
	}
	return n, false
}
