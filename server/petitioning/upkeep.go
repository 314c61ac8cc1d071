package petitioning

import (
	"context"
	"time"
)

// Run does what nobody asks for: once a second it closes petitions whose end has passed and rewrites the
// ranks that moved, once a minute it compares all ranks, once an hour it forgets old idempotency keys. It
// returns when ctx ends; a task that fails is logged and tried again in its turn.
func (s *Service) Run(ctx context.Context) error {
	second, minute, hour := time.NewTicker(time.Second), time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	defer second.Stop()
	defer minute.Stop()
	defer hour.Stop()
	s.task(ctx, "compare ranks", s.RankAll)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-second.C:
			s.task(ctx, "close what is due", s.CloseDue)
			s.task(ctx, "rewrite ranks", s.Rank)
		case <-minute.C:
			s.task(ctx, "compare ranks", s.RankAll)
		case <-hour.C:
			s.task(ctx, "forget old keys", s.sweepKeys)
		}
	}
}

func (s *Service) task(ctx context.Context, name string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := do(ctx); err != nil && ctx.Err() == nil {
		s.opt.Logger.Error("upkeep failed", "task", name, "error", err)
	}
}
