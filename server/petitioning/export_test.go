package petitioning

import "context"

// SweepKeys lets tests forget old idempotency keys without waiting for the hour.
func (s *Service) SweepKeys(ctx context.Context) error { return s.sweepKeys(ctx) }

// TakeAsMany makes the lists of a small site be read as those of a large one, which walk along an order.
func TakeAsMany(s *Service) { s.few, s.some, s.many = -1, -1, -1 }

// HistorySQL is the statement that sums a history.
var HistorySQL = historySQL
