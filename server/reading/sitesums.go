package reading

import (
	"context"
	"crypto/sha256"
	"time"

	"petitiond/server/database"
	"petitiond/server/responsecache"
	"petitiond/server/turns"
)

// SiteSums keeps what is summed over the whole site: the same for everybody, and dear to read. What drops shared
// answers must drop what is here first, since answers are made of it.
type SiteSums = responsecache.Store[any]

// NewSiteSums returns an empty store, in which nothing grows older than a shared answer does.
func NewSiteSums() *SiteSums {
	return responsecache.New(responsecache.Options[any]{
		Bytes: 1 << 20, Size: func(any) int { return 64 << 10 }, Longest: 5 * time.Second, Brief: time.Second, Now: database.Now,
	})
}

// sumTime is how long a sum may take. It does not end with the time of the one who happened to ask first.
const sumTime = 5 * time.Second

// outcome is what became of a sum.
type outcome struct {
	value any
	err   error
}

// siteSum returns a sum over the whole site. One at a time is read, however many ask: for all who asked before it
// began, whatever else their operations ask for. What was read is kept until something changes that it depends on; what
// changes without a word may be behind by lag, if the sum is costly: see [responsecache.Costly].
func siteSum[V any](ctx context.Context, s *Service, name string, lag time.Duration, depend func(context.Context), read func(context.Context) (V, error)) (V, error) {
	depend(ctx)
	ctx = turns.FromNobody(ctx) // the one who happens to ask first stands for all
	inTurn := func(ctx context.Context) outcome {
		value, err := s.bySum.Read(ctx, name, struct{}{}, func(ctx context.Context, _ []struct{}) (map[struct{}]any, error) {
			v, err := read(ctx)
			return map[struct{}]any{{}: v}, err
		})
		return outcome{value, err}
	}
	out := outcome{}
	if s.opt.SiteSums == nil {
		out = inTurn(ctx)
	} else {
		got, _, err := s.opt.SiteSums.Get(ctx, sha256.Sum256([]byte(name)), func(r *responsecache.Recorder) (any, responsecache.Verdict) {
			if r == nil {
				return inTurn(ctx), responsecache.Own
			}
			ctx, cancel := context.WithTimeout(r.Within(context.WithoutCancel(ctx)), sumTime)
			defer cancel()
			depend(ctx)
			if lag > 0 {
				responsecache.Costly(ctx, lag)
			}
			out := inTurn(ctx)
			if out.err != nil { // for those who wait, too: each of them would run into the same
				return out, responsecache.Tell
			}
			return out, responsecache.Keep
		})
		if err != nil {
			var none V
			return none, err
		}
		out, _ = got.(outcome)
	}
	value, _ := out.value.(V)
	return value, out.err
}
