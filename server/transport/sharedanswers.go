package transport

import (
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/responsecache"
	"petitiond/server/transport/fault"
)

// Queries without a credential have the same answer for everybody. It is computed once, and kept until something in it
// changes, or for some seconds. No personal data can be shared in this way, since a request without a credential has no
// rights of its own.

// Responses is the store of shared answers. It is created before the Transport that uses it, so that those who drop
// changed answers are connected before anything can change.
type Responses = responsecache.Store[*answer]

// NewResponses returns an empty store that takes at most so many bytes of memory.
func NewResponses(bytes int) *Responses {
	return responsecache.New(responsecache.Options[*answer]{
		Bytes: bytes, Size: (*answer).size, Longest: 5 * time.Second, Brief: time.Second, Now: now,
	})
}

// sharing answers queries from the store of shared answers where possible, and otherwise by running them.
type sharing struct {
	*runner

	on       bool
	answers  *Responses
	recalled *recalled
}

func newSharing(o Options, r *runner) *sharing {
	return &sharing{
		runner: r, on: o.ShareAnswers,
		answers:  o.Responses,
		recalled: newRecalled(o.Limits.AnswerBytes / 8),
	}
}

// applies reports whether the answer of a query may be shared.
func (s *sharing) applies(header http.Header) bool {
	return s.on && len(header["Authorization"]) == 0 && header.Get(costHeader) == ""
}

// answer returns the answer of an operation that came over an open connection, shared if possible.
func (s *sharing) answer(ctx context.Context, anonymous bool, op *operation.Operation) *answer {
	if !s.on || !anonymous || op.Kind() != ast.Query {
		return s.run(ctx, op, false)
	}
	a, _ := s.share(ctx, op)
	return a
}

// Page is something other than an answer that is rendered once and sent to everybody. It must not change once it is
// made.
type Page interface {
	// Size returns roughly how much memory it takes.
	Size() int
}

// page returns the page with a name, rendered if necessary, and its Cache-Status.
func (s *sharing) page(
	ctx context.Context, name string, render func(context.Context) (page Page, keep bool),
) (a *answer, how string) {
	if !s.on {
		a, _ := s.render(ctx, render)
		return a, statusBypass
	}
	// In the same store, so that one bound holds for both. The key of an operation is a digest of digests, never of
	// such a name.
	key := responsecache.Key(sha256.Sum256([]byte("page " + name)))
	a, came, err := s.answers.Get(ctx, key, func(r *responsecache.Recorder) (*answer, responsecache.Verdict) {
		if r == nil {
			a, _ := s.render(ctx, render)
			return a, responsecache.Own
		}
		// Not cancelled when the first who asked hangs up, as in share.
		a, keep := s.render(r.Within(context.WithoutCancel(ctx)), render)
		switch {
		case keep:
			return a, responsecache.Keep
		case a.lacking:
			return a, responsecache.Own
		}
		return a, responsecache.Tell
	})
	return received(a, came, err)
}

// received turns what the store returned into an answer and its Cache-Status.
func received(a *answer, came responsecache.How, err error) (_ *answer, how string) {
	switch {
	case err != nil || a == nil: // the caller has gone, or the computation it waited for has panicked
		f := fault.New(http.StatusServiceUnavailable, errcode.Unavailable, "The request was cancelled before it could be answered.")
		return &answer{fault: f}, statusMiss
	case came == responsecache.Hit:
		return a, statusHit
	}
	return a, statusMiss
}

// share returns the answer to a query that is shared by all who ask the same without a credential.
func (s *sharing) share(ctx context.Context, op *operation.Operation) (a *answer, how string) {
	a, came, err := s.answers.Get(ctx, responsecache.Key(op.Key()), func(r *responsecache.Recorder) (*answer, responsecache.Verdict) {
		// The result will be nobody else's, so it may end with its client.
		if r == nil {
			return s.run(ctx, op, false), responsecache.Own
		}
		// Others may be waiting for the same answer: it must not be cancelled when the first client hangs up.
		a := s.run(r.Within(context.WithoutCancel(ctx)), op, false)
		switch {
		case a.lacking:
			return a, responsecache.Own // the network that came first has had its share
		case a.fault != nil:
			return a, responsecache.Tell
		case !a.whole:
			return a, responsecache.Own // its errors carry the id of this request
		}
		return a, responsecache.Keep
	})
	return received(a, came, err)
}
