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

func (d *dispatch) call(tasks []*task) {
	d.mu.Lock()
	for _, t := range tasks {
		d.add(t.conn)
	}
	d.mu.Unlock()
	d.signal()
}

func (d *dispatch) callOne(c *Conn) {
	d.mu.Lock()
	d.add(c)
	d.mu.Unlock()
	d.signal()
}

func (d *dispatch) add(c *Conn) {
	if !c.called {
		c.called = true
		d.queue = append(d.queue, c)
	}
}

func (d *dispatch) signal() {
	select {
	case d.wake <- struct{}{}:
	default: // somebody is about to look
	}
}

// turn are the connections that a writer takes at once, so that the others have something to do.
const turn = 512

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
