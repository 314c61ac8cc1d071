package petitioning

import (
	"context"
	"time"
)

// Run does what nobody asks for: once a second it closes petitions whose end has passed and rewrites the
// ranks that moved, once a minute it compares all ranks and opens what a wrong clock has closed, once an hour it
// forgets old idempotency keys. It returns when ctx ends; a task that fails is logged and tried again in its turn.
//
// What a wrong clock has dated ahead is dated anew every ten minutes, and not at the start: there it may be this clock
// that is wrong, and behind, until the system has set it. By one clock alone nothing is opened or dated anew.
func (s *Service) Run(ctx context.Context) error {
	second, minute, hour := time.NewTicker(time.Second), time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	redate := time.NewTicker(s.opt.Every)
	defer second.Stop()
	defer minute.Stop()
	defer hour.Stop()
	defer redate.Stop()
	minutely := func() {
		s.task(ctx, "compare ranks", s.RankAll)
		s.task(ctx, "open what a wrong clock has closed", s.confirmed(s.reopenEarly))
	}
	minutely()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-second.C:
			s.task(ctx, "close what is due", s.CloseDue)
			s.task(ctx, "rewrite ranks", s.Rank)
		case <-minute.C:
			minutely()
		case <-redate.C:
			s.task(ctx, "date anew what a wrong clock has dated ahead", s.mendDates)
		case <-hour.C:
			s.task(ctx, "forget old keys", s.sweepKeys)
			s.task(ctx, "date changes anew that a wrong clock has dated ahead", s.confirmed(s.redateChanges))
		}
	}
}

// task leaves out what nobody may write, since nobody knows the time; the Clock tells of it.
func (s *Service) task(ctx context.Context, name string, do func(context.Context) error) {
	if s.db.Clock.Check() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := do(ctx); err != nil && ctx.Err() == nil {
		s.opt.Logger.Error("upkeep failed", "task", name, "error", err)
	}
}
