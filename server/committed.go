package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"petitiond/server/database"
	"petitiond/server/fanout"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/ledger/recount"
	"petitiond/server/live"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/responsecache"
	"petitiond/server/transport"
)

// observer is told of everything that is committed here or on another replica, and sees to it that nobody is shown what
// it has made old. It is there before the ledger and the domain, so that nothing is written that it is not told.
type observer struct {
	sums      *reading.SiteSums // of which responses are made: whatever happens to these happens to them first
	responses *transport.Responses
	hub       *live.Hub
	replicas  *fanout.Postgres // nil where there are none
	moved     petitioning.Moved
	metrics   *metrics
	now       func() time.Time // by the clock that dates signatures
}

var (
	_ ledger.Observer      = (*observer)(nil)
	_ recount.Observer     = (*observer)(nil)
	_ petitioning.Observer = (*observer)(nil)
	_ fanout.Receiver      = (*observer)(nil)
)

// newObserver connects what is committed with those who watch.
func (a *App) newObserver() (*observer, error) {
	o := &observer{
		sums:      a.sums,
		responses: transport.NewResponses(a.config.Limits.AnswerBytes),
		hub:       live.New(live.Options{Read: a.reading.News, Logger: a.log}),
		metrics:   a.metrics,
		now:       a.db.Clock.Now,
	}
	// On PostgreSQL there may be other replicas. Until their news come, and if none ever do, what is kept is soon old.
	o.cautious(a.db.Dialect == database.Postgres)
	if a.db.Dialect != database.Postgres || a.config.Fanout == "local" {
		return o, nil
	}
	address, err := database.PostgresAddress(a.config.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("listening for other replicas: %w", err)
	}
	o.replicas = fanout.NewPostgres(fanout.Options{Pool: a.db.Write, Address: address, Receiver: o, Logger: a.log})
	return o, nil
}

// run wakes those who watch and carries news between replicas until ctx ends.
func (o *observer) run(ctx context.Context) error {
	var parts errgroup.Group
	parts.Go(func() error { return o.hub.Run(ctx) })
	parts.Go(func() error { return everyMinute(ctx, o.now, o.minuteBegins) })
	if o.replicas != nil {
		parts.Go(func() error { return o.replicas.Run(ctx) })
	}
	return parts.Wait()
}

// minuteBegins drops and reads again what shows last hours: signatures have grown older than an hour, of which nobody
// tells. Every replica finds the same, since all know the same time.
func (o *observer) minuteBegins() {
	o.drop(reading.MinuteKey())
	o.hub.Reread()
}

// everyMinute calls do at the beginning of each minute until ctx ends.
func everyMinute(ctx context.Context, now func() time.Time, do func()) error {
	for {
		at := now()
		select {
		case <-ctx.Done():
			return nil
		// Measured again each time, since clocks are set and timers are late.
		case <-time.After(at.Truncate(time.Minute).Add(time.Minute).Sub(at)):
			do()
		}
	}
}

// Committed spreads what was committed here.
func (o *observer) Committed(values ...figures.Value) {
	// First here, whose clients are the ones that are answered next.
	o.Received(values...)
	if o.replicas != nil {
		o.replicas.Publish(values...)
	}
	o.moved.Add(values...)
}

// Received spreads what was committed, here or on another replica. Responses are dropped before everything else: those
// who are told of a change, in whatever way, and ask again see it.
func (o *observer) Received(values ...figures.Value) {
	for _, v := range values {
		o.drop(reading.CacheKeys(v)...)
	}
	o.hub.Publish(values...)
}

// drop forgets what depends on one of the topics.
func (o *observer) drop(topics ...responsecache.Topic) {
	o.sums.Drop(topics...)
	o.responses.Drop(topics...)
}

// Doubtful forgets all responses, since nobody knows which of them are old.
func (o *observer) Doubtful() {
	o.sums.Clear()
	o.responses.Clear()
}

// Recounted counts what a recount has found.
func (o *observer) Recounted(found []recount.Difference) { o.metrics.recounted(found) }

// Broken makes responses short-lived while news of other replicas are missed.
func (o *observer) Broken() { o.cautious(true) }

// cautious says whether news of other replicas may be missed.
func (o *observer) cautious(on bool) {
	o.sums.Cautious(on)
	o.responses.Cautious(on)
}

// Lost reads again what is watched and forgets what is kept: nobody knows what changed meanwhile.
func (o *observer) Lost() {
	o.cautious(false)
	o.Doubtful()
	o.hub.Reread()
}
