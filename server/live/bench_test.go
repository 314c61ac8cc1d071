package live_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"petitiond/server/figures"
	"petitiond/server/live"
)

const crowd = 100_000

// One petition that everybody watches: what a change costs, from Publish until the last watcher has fetched it.
func BenchmarkPublishOneHot(b *testing.B) {
	r := newRace(b)
	r.measure("B/watcher", func() {
		for range crowd {
			r.come(0)
		}
	})
	for b.Loop() {
		r.run(func(version int) { r.hub.Publish(at(0, version)) })
	}
	r.report()
}

// As many petitions as watchers, and all of them change.
func BenchmarkPublishSpread(b *testing.B) {
	r := newRace(b)
	r.measure("B/petition+watcher", func() {
		for n := range crowd {
			r.come(n)
		}
	})
	values := make([]figures.Value, crowd)
	for b.Loop() {
		b.StopTimer()
		for n := range values {
			values[n] = at(n, r.version+1)
		}
		b.StartTimer()
		r.run(func(int) { r.hub.Publish(values...) })
	}
	r.report()
}

// One petition with a goroutine in Next for each watcher, as simple transports have it.
func BenchmarkNextOneHot(b *testing.B) {
	r := newRace(b)
	r.measure("B/watcher+goroutine", func() {
		for range crowd {
			w := r.watch(0)
			r.crowd++
			go func() {
				for {
					if _, err := w.Next(context.Background()); err != nil {
						return
					}
					r.arrive()
				}
			}()
		}
	})
	for b.Loop() {
		r.run(func(version int) { r.hub.Publish(at(0, version)) })
	}
	r.report()
}

func BenchmarkPublishUnwatched(b *testing.B) {
	h, _ := start(b, newStore(), live.Options{})
	v := at(1, 1)
	b.ReportAllocs()
	for b.Loop() {
		h.Publish(v)
	}
}

func BenchmarkWatchAndClose(b *testing.B) {
	h, _ := start(b, newStore(at(1, 1)), live.Options{})
	petition := id(1)
	watch(b, h, figures.Count, petition)
	b.ReportAllocs()
	for b.Loop() {
		watch(b, h, figures.Count, petition).Close()
	}
}

// A race is a hub without pace, and watchers who all wait for the same version.
type race struct {
	b       *testing.B
	hub     *live.Hub
	crowd   int64
	version int
	missing atomic.Int64
	all     chan struct{} // a token when nothing is missing
	inside  time.Duration // spent in Publish
	fetched int64
	unit    string
	each    float64 // bytes
}

func newRace(b *testing.B) *race {
	b.Helper()
	s := newStore()
	for n := range crowd {
		s.put(at(n, 1))
	}
	h, _ := start(b, s, live.Options{Interval: time.Nanosecond, Reread: time.Hour, Timeout: time.Minute})
	return &race{b: b, hub: h, version: 1, all: make(chan struct{}, 1)}
}

func (r *race) watch(petition int) *live.Watcher {
	return watch(r.b, r.hub, figures.Count, id(petition))
}

// come adds a watcher without a goroutine.
func (r *race) come(petition int) {
	w := r.watch(petition)
	r.crowd++
	w.Notify(func() {
		for {
			if _, ok, err := w.Poll(); !ok || err != nil {
				return
			}
			r.arrive()
		}
	})
}

func (r *race) arrive() {
	if r.missing.Add(-1) == 0 {
		r.all <- struct{}{}
	}
}

// measure finds out how much memory each of the crowd takes, who then have fetched the present value.
func (r *race) measure(unit string, come func()) {
	before := heap()
	r.missing.Store(crowd)
	come()
	<-r.all
	r.unit, r.each = unit, float64(heap()-before)/crowd
}

// run publishes the next version and waits until the whole crowd has it.
func (r *race) run(publish func(version int)) {
	r.version++
	r.missing.Store(r.crowd)
	before := time.Now()
	publish(r.version)
	r.inside += time.Since(before)
	<-r.all
	r.fetched += r.crowd
}

func (r *race) report() {
	r.b.ReportMetric(r.each, r.unit)
	r.b.ReportMetric(float64(r.fetched)/r.b.Elapsed().Seconds(), "deliveries/s")
	r.b.ReportMetric(float64(r.inside.Nanoseconds())/float64(r.b.N), "ns-in-publish/op")
}

// heap returns the bytes in use on the heap and on the stacks.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
