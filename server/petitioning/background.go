package petitioning

import (
	"context"
	"time"
)

// Run does the periodic tasks: once a second it closes petitions whose end has passed, rewrites changed ranks, and
// indexes texts that are not indexed yet; once a minute it compares all ranks and tags and reopens what a
// wrong clock has closed; once an hour it deletes old idempotency keys. It returns when ctx ends; a task that fails is
// logged and tried again the next time.
//
// Times in the future, from a wrong clock, are replaced every ten minutes, and not at the start: this clock itself may
// be slow until the system has set it. Unless a second clock confirms this one, nothing is reopened or replaced.
func (s *Service) Run(ctx context.Context) error {
	second, minute, hour := time.NewTicker(time.Second), time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	redate := time.NewTicker(s.opt.Every)
	defer second.Stop()
	defer minute.Stop()
	defer hour.Stop()
	defer redate.Stop()
	ctx = unasked(ctx)
	minutely := func() {
		s.task(ctx, "compare ranks", s.RankAll)
		s.task(ctx, "open what a wrong clock has closed", s.confirmed(s.reopenEarly))
	}
	// Also at the start: what another server had noted to do was lost if it died.
	minutely()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-second.C:
			// In this order, so that a petition that closes now is ranked as a closed one.
			s.task(ctx, "close what is due", s.CloseDue)
			s.task(ctx, "rewrite ranks", s.Rank)
			s.task(ctx, "index texts", s.IndexTexts)
		case <-minute.C:
			minutely()
		case <-redate.C:
			s.task(ctx, "redate what a wrong clock has dated ahead", s.mendDates)
		case <-hour.C:
			s.task(ctx, "forget old keys", s.sweepKeys)
			s.task(ctx, "redate changes that a wrong clock has dated ahead", s.confirmed(s.redateChanges))
		}
	}
}

// task runs a task and logs how it has fared. It does nothing while the time is unknown, since nothing may be written
// then; the Clock itself reports that.
func (s *Service) task(ctx context.Context, name string, do func(context.Context) error) {
	if s.db.Clock.Check() != nil {
		return
	}
	// The tasks take turns in one goroutine, so that one that hangs must not keep the others from theirs.
	s.failing.Do(ctx, s.opt.Logger, name, 30*time.Second, do)
}

type unaskedKey struct{}

// unasked returns a context for what nobody has asked for: where it fails, nobody has to be answered.
func unasked(ctx context.Context) context.Context { return context.WithValue(ctx, unaskedKey{}, true) }

func isUnasked(ctx context.Context) bool { return ctx.Value(unaskedKey{}) != nil }
