package connection

import (
	"runtime"
	"sync"
	"time"
)

// gatherTime is how long a writer waits for further news before it writes. One commit often changes several petitions,
// and all that is due on a connection is then sent in one write.
const gatherTime = 2 * time.Millisecond

// dispatch writes to the connections for which there is news. A connection stands in the queue once, however much news
// there is: when its turn comes, it sends the newest.
type dispatch struct {
	mu     sync.Mutex // guards queue and the connections' called
	queue  []*Conn
	wake   chan struct{}
	halted chan struct{}
}

// start starts the writers. It is called once.
func (d *dispatch) start(running *sync.WaitGroup) {
	// Writing is copying into the kernel: more writers would only take the processors from those who answer.
	for range min(runtime.GOMAXPROCS(0), 4) {
		running.Go(d.run)
	}
}

// call queues the connections of tasks for writing.
func (d *dispatch) call(tasks []*task) {
	d.mu.Lock()
	for _, t := range tasks {
		d.add(t.conn)
	}
	d.mu.Unlock()
	d.signal()
}

// callOne queues one connection for writing.
func (d *dispatch) callOne(c *Conn) {
	d.mu.Lock()
	d.add(c)
	d.mu.Unlock()
	d.signal()
}

// add puts a connection in the queue, unless it is there already. It needs mu.
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
	default: // a wake-up is pending already
	}
}

// turn is how many connections a writer takes at once. It is bounded, to leave some to the other writers.
const turn = 512

// run is the loop of a writer. It waits for further news before it begins, and reuses its buffer for all connections.
func (d *dispatch) run() {
	buffer, conns := []byte(nil), make([]*Conn, 0, turn)
	for {
		select {
		case <-d.halted:
			return
		case <-d.wake:
		}
		// The wake-up is taken before the pause: what is queued during it leaves another, and at worst a writer finds
		// nothing.
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
		if cap(buffer) > 1<<20 { // do not keep a buffer that was large for once
			buffer = nil
		}
	}
}

// take removes up to turn connections from the queue. They may be queued again at once: what is published from now on
// may be missing from the coming write, and causes another.
func (d *dispatch) take(into []*Conn) []*Conn {
	d.mu.Lock()
	// From the end, so nothing has to be moved. A writer goes on until the queue is empty, so all have their turn.
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
		d.signal() // wakes another writer
	}
	return into
}
