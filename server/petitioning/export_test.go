package petitioning

import "context"

// SweepKeys lets tests forget old idempotency keys without waiting for the hour.
func (s *Service) SweepKeys(ctx context.Context) error { return s.sweepKeys(ctx) }

// HistorySQL is the statement that sums a history.
var HistorySQL = historySQL
