package recount

import (
	"context"
	"time"
)

// RecountResting recounts and tells rest how long each step has worked.
func (r *Recounter) RecountResting(ctx context.Context, rest func(worked time.Duration)) error {
	_, err := r.recount(ctx, true, rest)
	return err
}

// RecountOnce recounts once as Keep does.
func (r *Recounter) RecountOnce(ctx context.Context) error { return r.recountGently(ctx) }
