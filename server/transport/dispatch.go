package transport

import (
	"runtime"
	"sync"
	"time"
)

// gather is how long news wait for others, so that all that is due on a line leaves in one write: several
// petitions often move in one commit.
const gather = 2 * time.Millisecond

// dispatch writes to the lines for which there is news. A line is called once, however much there is: it tells
// what is the newest when its turn comes.
type dispatch struct {
	mu     sync.Mutex // guards queue and the lines' called
	queue  []*line
	wake   chan struct{}
	halted chan struct{}
}

// start starts the writers. It is called once.
func (d *dispatch) start(running *sync.WaitGroup) {
	for range min(runtime.GOMAXPROCS(0), 4) {
		running.Go(d.run)
	}
}

func (d *dispatch) call(readers []*reader) {
	d.mu.Lock()
	for _, r := range readers {
		d.add(r.line)
	}
	d.mu.Unlock()
	d.signal()
}

func (d *dispatch) callOne(l *line) {
	d.mu.Lock()
	d.add(l)
	d.mu.Unlock()
	d.signal()
}

func (d *dispatch) add(l *line) {
	if !l.called {
		l.called = true
		d.queue = append(d.queue, l)
	}
}

func (d *dispatch) signal() {
	select {
	case d.wake <- struct{}{}:
	default: // somebody is about to look
	}
}

// share are the lines that a writer takes at once, so that the others have something to do.
const share = 512

func (d *dispatch) run() {
	buffer, lines := []byte(nil), make([]*line, 0, share)
	for {
		select {
		case <-d.halted:
			return
		case <-d.wake:
		}
		time.Sleep(gather)
		for {
			lines = d.take(lines[:0])
			if len(lines) == 0 {
				break
			}
			for i, l := range lines {
				buffer = l.flush(buffer)
				lines[i] = nil
			}
		}
		if cap(buffer) > 1<<20 { // which was needed once
			buffer = nil
		}
	}
}

func (d *dispatch) take(into []*line) []*line {
	d.mu.Lock()
	n := min(share, len(d.queue))
	into = append(into, d.queue[len(d.queue)-n:]...)
	clear(d.queue[len(d.queue)-n:])
	d.queue = d.queue[:len(d.queue)-n]
	if len(d.queue) == 0 && cap(d.queue) > 1<<16 {
		d.queue = nil
	}
	for _, l := range into {
		l.called = false
	}
	more := len(d.queue) > 0
	d.mu.Unlock()
	if more {
		d.signal() // the other writers
	}
	return into
}
