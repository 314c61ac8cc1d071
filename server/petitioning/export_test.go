package petitioning

import (
	"context"

	"github.com/google/uuid"
)

// SweepKeys lets tests forget old idempotency keys without waiting for the hour.
func (s *Service) SweepKeys(ctx context.Context) error { return s.sweepKeys(ctx) }

// RedateChanges lets tests date changes anew without waiting for the hour.
func (s *Service) RedateChanges(ctx context.Context) error { return s.redateChanges(ctx) }

// CheckKey returns what is wrong with an idempotency key.
var CheckKey = checkKey

// TakeAsMany makes the lists of a small site be read as those of a large one, which walk along an order.
func TakeAsMany(s *Service) { s.few, s.some, s.many = -1, -1, -1 }

// HistorySQL is the statement that sums a history.
func HistorySQL(s *Service, petition uuid.UUID, step Interval, start, end int64) (string, []any) {
	var args arguments
	text := s.historySQL(step, s.spans(step, []span{{petition, start, end, true}}, &args), args.add(end), `TRUE`)
	return text, args
}
