package fanout

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/server/figures"
	"petitiond/server/recurring"
)

const (
	// All replicas of an installation share a database, and a notification reaches the sessions of its database alone.
	channel = "petitiond_news"
	// payloadMax stays below PostgreSQL's limit of 8,000 bytes for a notification.
	payloadMax = 7900
	// Long enough that no two carriers get the same name by chance: 80 bits.
	nameLength = 16
)

// Options of a Postgres. Pool, Address and Receiver are needed.
type Options struct {
	Pool     *sql.DB
	Address  string // to listen at: not that of a pooler, which would swallow notifications
	Receiver Receiver
	Tick     time.Duration // how often news are sent, default 50 ms
	Pulse    time.Duration // how often the listening connection is tried, and has to answer, default 5 s
	Logger   *slog.Logger  // default discards
}

// Receiver is told what other replicas have published. Its methods must not block.
type Receiver interface {
	// Received is called with news of another replica.
	Received(values ...figures.Value)
	// Broken is called when news are missed from now on, until Lost is called.
	Broken()
	// Lost is called when news may have been missed, and come from now on.
	Lost()
}

// Postgres carries news by LISTEN and NOTIFY, in notifications of their own: one inside a transaction that
// signs would take a lock over the whole database at its commit.
type Postgres struct {
	opt  Options
	name string // before everything that it sends, and different for every carrier

	mu      sync.Mutex                  // guards waiting
	waiting map[uuid.UUID]figures.Value // by petition
	ready   chan struct{}               // holds one token while something waits

	failing recurring.Lines // what the log was told of trouble with the database
}

// NewPostgres returns a carrier that works while Run does.
func NewPostgres(opt Options) *Postgres {
	if opt.Tick == 0 {
		opt.Tick = 50 * time.Millisecond
	}
	if opt.Pulse == 0 {
		opt.Pulse = 5 * time.Second
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &Postgres{
		opt: opt, name: rand.Text()[:nameLength], waiting: map[uuid.UUID]figures.Value{}, ready: make(chan struct{}, 1),
	}
}

// Publish hands news to the next tick. It never blocks on the network.
func (p *Postgres) Publish(values ...figures.Value) {
	p.mu.Lock()
	for _, v := range values {
		newest, waits := p.waiting[v.Petition]
		if waits {
			// Merging takes the newer of each aspect, so that one value stands for all that came in a tick.
			newest.Merge(v)
		} else {
			newest = v
		}
		p.waiting[v.Petition] = newest
	}
	p.mu.Unlock()
	select {
	case p.ready <- struct{}{}:
	// A token is there already: what was just added goes with it.
	default:
	}
}

// Run listens and sends until ctx ends.
func (p *Postgres) Run(ctx context.Context) error {
	connection := &dialer{ctx: ctx}
	watch := func(event pq.ListenerEventType, err error) {
		if ctx.Err() == nil { // the end is no interruption
			p.watch(event, err)
		}
	}
	listener := pq.NewDialListener(connection, p.opt.Address, 100*time.Millisecond, 5*time.Second, watch)
	closed := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() { p.listen(listener, closed) })
	work.Go(func() { p.send(ctx) })
	work.Go(func() { p.pulse(ctx, listener, connection) })
	<-ctx.Done()
	connection.cut() // Close waits for whatever the driver waits for
	err := listener.Close()
	close(closed)
	work.Wait()
	if err != nil {
		return fmt.Errorf("ending to listen: %w", err)
	}
	return nil
}

// pulse tries the connection now and then: a server that fell silent would look like one without news. A
// connection that does not answer is cut, and the listener makes another.
func (p *Postgres) pulse(ctx context.Context, listener *pq.Listener, connection *dialer) {
	tick := time.NewTicker(p.opt.Pulse)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// Ping has no deadline. To cut the connection beneath it is the only way to end one that is not answered.
		late := time.AfterFunc(p.opt.Pulse, connection.cut)
		_ = listener.Ping() // what fails, the listener knows
		late.Stop()
	}
}

// watch is called when the listener's connection is lost or back.
func (p *Postgres) watch(event pq.ListenerEventType, err error) {
	switch event {
	case pq.ListenerEventDisconnected, pq.ListenerEventConnectionAttemptFailed:
		p.opt.Receiver.Broken()
		if times, due := p.failing.Due("listen"); due {
			p.opt.Logger.Warn("news from other replicas is interrupted; what is watched is read again meanwhile", "times", times, "error", err)
		}
	case pq.ListenerEventReconnected:
		if p.failing.Over("listen") {
			p.opt.Logger.Info("news from other replicas arrives again")
		}
	// The first connection: listen reports the rest.
	case pq.ListenerEventConnected:
	}
}

// listen receives until the listener is closed, so that nobody who closes it or waits for its answer is held
// up behind news. The listener sends nil after it has connected again.
func (p *Postgres) listen(listener *pq.Listener, closed <-chan struct{}) {
	// Listen waits for the first connection and fails only when the listener is closed.
	if err := listener.Listen(channel); err != nil {
		return
	}
	p.opt.Receiver.Lost() // what came before we listened
	for {
		select {
		case n, ok := <-listener.Notify:
			if !ok {
				return
			}
			p.receive(n)
		case <-closed:
			return
		}
	}
}

// receive hands one notification on. What it cannot read it treats as lost news, since the database has them all.
func (p *Postgres) receive(n *pq.Notification) {
	if n == nil {
		p.opt.Receiver.Lost()
		return
	}
	// PostgreSQL tells a session of its own notifications as well, and the listener is a session like any other.
	list, own := strings.CutPrefix(n.Extra, p.name)
	if own { // told here already, and at once
		return
	}
	var values []figures.Value
	if err := json.Unmarshal([]byte(list[min(nameLength, len(list)):]), &values); err != nil {
		// During an update replicas of two versions run side by side, and the form of a value may have changed.
		p.opt.Logger.Warn("news of another version were not understood")
		p.opt.Receiver.Lost()
		return
	}
	if len(values) == 0 { // see Ring
		p.opt.Receiver.Lost()
		return
	}
	p.opt.Receiver.Received(values...)
}

// send sends what waits, once a tick at most. News that cannot be sent are dropped: every replica reads what
// is watched again anyway.
func (p *Postgres) send(ctx context.Context) {
	// It is waited for behind each sending and not before, so that the first news after a pause are sent at once.
	tick := time.NewTicker(p.opt.Tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.ready:
		}
		for _, payload := range pack(p.take()) {
			err := p.notify(ctx, payload)
			if err == nil && p.failing.Over("send") {
				p.opt.Logger.Info("news for other replicas are sent again")
			}
			if err != nil && ctx.Err() == nil {
				if times, due := p.failing.Due("send"); due {
					p.opt.Logger.Warn("news for other replicas were not sent", "times", times, "error", err)
				}
				// If one fails the others would, too: they are not worth a timeout each.
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// take empties what waits.
func (p *Postgres) take() []figures.Value {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]figures.Value, 0, len(p.waiting))
	for _, v := range p.waiting {
		out = append(out, v)
	}
	// The map keeps its room, since there is news in nearly every tick.
	clear(p.waiting)
	return out
}

// notify sends one notification in a transaction of its own, with less time than an operation has: news that are late
// are of no use.
func (p *Postgres) notify(ctx context.Context, payload string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := p.opt.Pool.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, p.name+payload)
	return err
}

// pack writes values as lists that fit a notification each.
func pack(values []figures.Value) []string {
	var out []string
	var list []byte
	flush := func() {
		if len(list) > 0 {
			out = append(out, string(append(list, ']')))
			list = nil
		}
	}
	for _, v := range values {
		one, err := json.Marshal(v)
		if err != nil {
			continue // a value that cannot travel, since its time is nonsense, is read from the database
		}
		// Two more for the comma and the bracket at the end. The name before it is within what payloadMax leaves.
		if len(list)+len(one)+2 > payloadMax {
			flush()
		}
		if len(list) == 0 {
			list = append(list, '[')
		} else {
			list = append(list, ',')
		}
		list = append(list, one...)
	}
	flush()
	return out
}
