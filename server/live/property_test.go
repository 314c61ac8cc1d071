package live_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"petitiond/server/figures"
	"petitiond/server/live"
)

// A step is one thing that happens to a hub.
type step struct {
	Pause    time.Duration // before it
	Petition int
	Aspect   figures.Aspect // what changes, or what the watcher watches
	Watch    bool           // a watcher comes, else something is committed
	Wide     bool           // the watcher watches all petitions
	Slow     time.Duration  // the watcher's rest after each value
	Stays    time.Duration  // the watcher leaves after this, or stays to the end when zero
	Lost     bool           // the news never arrive
	Late     time.Duration  // the news arrive after this
	Twice    bool           // the news arrive again, a second later
	Broken   bool           // reading fails from now on, until a step that is not broken
}

const petitions = 3

func drawStep(t *rapid.T) step {
	millis := func(name string, highest int) time.Duration {
		return time.Duration(rapid.IntRange(0, highest).Draw(t, name)) * time.Millisecond
	}
	return step{
		Pause:    millis("pause", 300),
		Petition: rapid.IntRange(1, petitions).Draw(t, "petition"),
		Aspect:   figures.Aspect(rapid.Uint8Range(1, 15).Draw(t, "aspect")),
		Watch:    rapid.IntRange(0, 3).Draw(t, "watch") == 0,
		Wide:     rapid.Bool().Draw(t, "wide"),
		Slow:     millis("slow", 900),
		Stays:    millis("stays", 2000),
		Lost:     rapid.IntRange(0, 3).Draw(t, "lost") == 0,
		Late:     millis("late", 600),
		Twice:    rapid.Bool().Draw(t, "twice"),
		Broken:   rapid.IntRange(0, 5).Draw(t, "broken") == 0,
	}
}

// Whatever is published, lost, late or repeated, and however slow a watcher is: what it sees of a petition only grows,
// it sees nothing that was not committed, and it has seen the newest when all is quiet.
func TestWatchersSeeTheNewest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 0, 80).Draw(rt, "steps")
		steps = append(steps, rapid.SliceOfN(rapid.Custom(drawStep), 30, 30).Draw(rt, "more")...)
		var fault error
		synctest.Test(t, func(t *testing.T) { fault = walk(t, steps) })
		if fault != nil {
			rt.Fatal(fault)
		}
	})
}

// A world is a hub with everything around it.
type world struct {
	hub   *live.Hub
	store *store
	busy  sync.WaitGroup // news under way and watchers that leave by themselves

	mu     sync.Mutex
	faults []error // guarded by mu
	crowd  []*observer
}

// walk takes the steps and tells what was wrong.
func walk(t *testing.T, steps []step) error {
	w := &world{store: newStore()}
	for n := 1; n <= petitions; n++ {
		w.store.put(at(n, 1))
	}
	hub, stop := start(t, w.store, live.Options{})
	w.hub = hub
	for _, s := range steps {
		time.Sleep(s.Pause)
		w.store.fail(map[bool]error{true: errors.New("broken")}[s.Broken])
		if s.Watch {
			w.watch(s)
		} else {
			w.commit(s)
		}
	}
	w.store.fail(nil)
	w.busy.Wait()
	time.Sleep(6 * time.Second) // a re-read, the pace, and the slowest watcher with three petitions
	stop()
	for _, o := range w.crowd {
		<-o.done
		w.blame(o.missed(w.store))
	}
	if p, n := hub.Size(); p != 0 || n != 0 {
		w.blame(fmt.Errorf("%d petitions and %d watchers are left", p, n))
	}
	return errors.Join(w.faults...)
}

func (w *world) blame(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, err)
}

// commit changes the store and tells the hub what changed, if the news are not lost.
func (w *world) commit(s step) {
	v := w.store.values[id(s.Petition)]
	news := figures.Value{Petition: v.Petition}
	if s.Aspect&figures.Count != 0 {
		fresh := at(s.Petition, v.Version+1)
		v.Total, v.LastHour, v.Version, v.AsOf = fresh.Total, fresh.LastHour, fresh.Version, fresh.AsOf
		news.Total, news.Goal, news.LastHour, news.Version, news.AsOf = v.Total, v.Goal, v.LastHour, v.Version, v.AsOf
	}
	if s.Aspect&figures.Comments != 0 {
		v.Comment++
		news.Comment = v.Comment
	}
	if s.Aspect&figures.Edition != 0 {
		v.Edition++
		news.Edition = v.Edition
	}
	if s.Aspect&figures.Hour != 0 { // time passes, of which nobody is told
		v.LastHour = ptr(*v.LastHour - 1)
	}
	w.store.put(v)
	if s.Lost {
		return
	}
	w.busy.Go(func() {
		time.Sleep(s.Late)
		w.hub.Publish(news)
		if s.Twice {
			time.Sleep(time.Second)
			w.hub.Publish(news)
		}
	})
}

// watch lets a watcher come, which may fail while reading does.
func (w *world) watch(s step) {
	ids := []uuid.UUID{id(s.Petition)}
	if s.Wide {
		ids = []uuid.UUID{id(1), id(2), id(3)}
	}
	watcher, err := w.hub.Watch(context.Background(), s.Aspect, ids...)
	if err != nil {
		if !s.Broken {
			w.blame(err)
		}
		return
	}
	o := &observer{step: s, watcher: watcher, seen: map[uuid.UUID]figures.Value{}, done: make(chan struct{})}
	for _, v := range watcher.Baseline() {
		if s.Aspect&figures.Count == 0 {
			o.seen[v.Petition] = v
		}
	}
	w.crowd = append(w.crowd, o)
	go func() {
		defer close(o.done)
		w.blame(o.look())
	}()
	if s.Stays > 0 {
		w.busy.Go(func() {
			time.Sleep(s.Stays)
			watcher.Close()
		})
	}
}

// An observer is a watcher and what it has seen.
type observer struct {
	step    step
	watcher *live.Watcher
	seen    map[uuid.UUID]figures.Value
	times   []time.Time
	done    chan struct{}
}

// look fetches until the watcher ends, and finds fault with what it gets.
func (o *observer) look() error {
	for {
		v, err := o.watcher.Next(context.Background())
		if err != nil {
			return nil
		}
		old, known := o.seen[v.Petition]
		o.seen[v.Petition] = v
		switch {
		case v.Version < old.Version || v.Edition < old.Edition || v.Comment < old.Comment:
			return fmt.Errorf("%+v came after %+v", v, old)
		case known && o.same(old, v) && v.Version == old.Version: // else the last hour may have changed there and back
			return fmt.Errorf("%+v came twice to a watcher of %b", v, o.step.Aspect)
		case v.Total != int(v.Version)*10:
			return fmt.Errorf("%+v was never committed", v)
		}
		o.times = append(o.times, time.Now())
		time.Sleep(o.step.Slow)
	}
}

// same tells whether nothing that the observer watches differs.
func (o *observer) same(a, b figures.Value) bool {
	return (o.step.Aspect&figures.Count == 0 || a.Version == b.Version) &&
		(o.step.Aspect&figures.Comments == 0 || a.Comment == b.Comment) &&
		(o.step.Aspect&figures.Edition == 0 || a.Edition == b.Edition) &&
		(o.step.Aspect&figures.Hour == 0 || a.SameHour(b))
}

func ptr[T any](v T) *T { return &v }

// missed finds fault with an observer that stayed and does not know the newest, or was woken too often.
func (o *observer) missed(s *store) error {
	if o.step.Stays == 0 {
		for id, v := range o.seen {
			if !o.same(v, s.values[id]) {
				return fmt.Errorf("the last seen by a watcher of %b was %+v, want %+v", o.step.Aspect, v, s.values[id])
			}
		}
	}
	if o.step.Wide || o.step.Slow > 0 {
		return nil
	}
	wakes := o.times
	if o.step.Aspect&figures.Count != 0 && len(wakes) > 0 {
		wakes = wakes[1:] // the present value has no part in the pace
	}
	for n := 4; n < len(wakes); n++ {
		if wakes[n].Sub(wakes[n-4]) < 4*interval {
			return fmt.Errorf("woken five times within %v: %v", 4*interval, wakes)
		}
	}
	return nil
}
