package connection

import (
	"runtime"
	"sync"
	"time"
)

// gatherTime is how long news wait for others, so that all that is due on a connection leaves in one write: several
// petitions often move in one commit.
const gatherTime = 2 * time.Millisecond

// dispatch writes to the connections for which there is news. A connection is called once, however much there is: it
// tells what is the newest when its turn comes.
type dispatch struct {
	mu     sync.Mutex // guards queue and the connections' called
	queue  []*Conn
	wake   chan struct{}
	halted chan struct{}
}

// start starts the writers. It is called once.
func (d *dispatch) start(running *sync.WaitGroup) {
	for range min(runtime.GOMAXPROCS(0), 4) {
		running.Go(d.run)
	}
}

// call has the connections of tasks written to.
func (d *dispatch) call(tasks []*task) {
	d.mu.Lock()
	for _, t := range tasks {
		d.add(t.conn)
	}
	d.mu.Unlock()
	d.signal()
}

// callOne has one connection written to.
func (d *dispatch) callOne(c *Conn) {
	d.mu.Lock()
	d.add(c)
	d.mu.Unlock()
	d.signal()
}

// add puts a connection in the queue, unless it stands there already. It needs mu.
func (d *dispatch) add(c *Conn) {
	if !c.called {
		c.called = true
		d.queue = append(d.queue, c)
	}
}

// signal wakes one writer.
func (d *dispatch) signal() {
	select {
	case d.wake <- struct{}{}:
	default: // somebody is about to look
	}
}

// turn are the connections that a writer takes at once, so that the others have something to do.
const turn = 512

// run is a writer. It waits for more before it begins, and keeps its buffer from one connection to the next.
func (d *dispatch) run() {
	buffer, conns := []byte(nil), make([]*Conn, 0, turn)
	for {
		select {
		case <-d.halted:
			return
		case <-d.wake:
		}
		time.Sleep(gatherTime)
		for {
			conns = d.take(conns[:0])
			if len(conns) == 0 {
				break
			}
			for i, c := range conns {
				buffer = c.flush(buffer)
				conns[i] = nil
			}
		}
		if cap(buffer) > 1<<20 { // which was needed once
			buffer = nil
		}
	}
}

// take takes the connections whose turn it is. They may be called again from then on: what comes now is sent in another
// write.
func (d *dispatch) take(into []*Conn) []*Conn {
	d.mu.Lock()
	n := min(turn, len(d.queue))
	into = append(into, d.queue[len(d.queue)-n:]...)
	clear(d.queue[len(d.queue)-n:])
	d.queue = d.queue[:len(d.queue)-n]
	if len(d.queue) == 0 && cap(d.queue) > 1<<16 {
		d.queue = nil
	}
	for _, c := range into {
		c.called = false
	}
	more := len(d.queue) > 0
	d.mu.Unlock()
	if more {
		d.signal() // the other writers
	}
	return into
}
