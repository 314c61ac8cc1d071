package petitioning

import "context"

// SweepKeys lets tests forget old idempotency keys without waiting for the hour.
func (s *Service) SweepKeys(ctx context.Context) error { return s.sweepKeys(ctx) }

// Redate lets tests date anew what all see.
func (s *Service) Redate(ctx context.Context) error { _, err := s.redatePublic(ctx); return err }

// RedateChanges lets tests date changes anew without waiting for the hour.
func (s *Service) RedateChanges(ctx context.Context) error {
	_, err := s.redateChanges(ctx)
	return err
}

// ReopenEarly lets tests open what a wrong clock has closed without waiting for the minute.
func (s *Service) ReopenEarly(ctx context.Context) error { _, err := s.reopenEarly(ctx); return err }

// IndexStep lets tests stop the indexing anywhere: it is one step of the first kind that has anything to do.
func (s *Service) IndexStep(ctx context.Context) (did bool, err error) {
	for _, do := range s.indexing() {
		if did, err = do(ctx); did || err != nil {
			return did, err
		}
	}
	return false, nil
}
