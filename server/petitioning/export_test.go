package petitioning

import "context"

// SweepKeys lets tests forget old idempotency keys without waiting for the hour.
func (s *Service) SweepKeys(ctx context.Context) error { return s.sweepKeys(ctx) }

// RedateChanges lets tests date changes anew without waiting for the hour.
func (s *Service) RedateChanges(ctx context.Context) error { return s.redateChanges(ctx) }

// CheckKey returns what is wrong with an idempotency key.
var CheckKey = checkKey
