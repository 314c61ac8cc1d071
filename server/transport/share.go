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

// Queries of those who show no credential are answered alike: such an answer is computed once, and
// kept until something in it changes, or for some seconds. What depends on the one who asks is never shared, since who
// asks without a credential is nobody.

// Responses are those that everybody gets alike. They are made before the Transport that answers with them, so that the one
// who drops what has changed is there before anything changes.
type Responses = responsecache.Store[*answer]

// NewResponses returns an empty store that takes so many bytes of memory.
func NewResponses(bytes int) *Responses {
	return responsecache.New(responsecache.Options[*answer]{
		Bytes: bytes, Size: (*answer).size, Longest: 5 * time.Second, Brief: time.Second, Now: now,
	})
}

// sharing are the answers that are everybody's, and how to come by them.
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

// applies reports whether the answer of a query may be everybody's.
func (s *sharing) applies(header http.Header) bool {
	return s.on && len(header["Authorization"]) == 0 && header.Get(costHeader) == ""
}

// answer returns the answer of an operation that came over a connection.
func (s *sharing) answer(ctx context.Context, anonymous bool, op *operation.Operation) *answer {
	if !s.on || !anonymous || op.Kind() != ast.Query {
		return s.run(ctx, op, false)
	}
	a, _ := s.share(ctx, op)
	return a
}

// Page is something besides answers that is made for everybody. Nobody changes it any more.
type Page interface {
	// Size is what it takes in memory, about.
	Size() int
}

// page returns the page of a name, and how it came.
func (s *sharing) page(
	ctx context.Context, name string, render func(context.Context) (page Page, keep bool),
) (a *answer, how string) {
	if !s.on {
		a, _ := s.render(ctx, render)
		return a, statusBypass
	}
	key := responsecache.Key(sha256.Sum256([]byte("page " + name)))
	a, came, err := s.answers.Get(ctx, key, func(r *responsecache.Recorder) (*answer, responsecache.Verdict) {
		if r == nil {
			a, _ := s.render(ctx, render)
			return a, responsecache.Own
		}
		a, keep := s.render(r.Within(context.WithoutCancel(ctx)), render)
		if keep {
			return a, responsecache.Keep
		}
		return a, responsecache.Tell
	})
	return received(a, came, err)
}

// received is what somebody got from the store of answers, and how.
func received(a *answer, came responsecache.How, err error) (_ *answer, how string) {
	switch {
	case err != nil || a == nil: // who waited is gone, or what was waited for has panicked
		f := fault.New(http.StatusServiceUnavailable, errcode.Unavailable, "The request was given up before it was answered.")
		return &answer{fault: f}, statusMiss
	case came == responsecache.Hit:
		return a, statusHit
	}
	return a, statusMiss
}

// share returns the answer that all those get who ask the same without a credential.
func (s *sharing) share(ctx context.Context, op *operation.Operation) (a *answer, how string) {
	a, came, err := s.answers.Get(ctx, responsecache.Key(op.Key()), func(r *responsecache.Recorder) (*answer, responsecache.Verdict) {
		if r == nil {
			return s.run(ctx, op, false), responsecache.Own
		}
		// Others wait, too: that the first hangs up ends it for nobody.
		a := s.run(r.Within(context.WithoutCancel(ctx)), op, false)
		switch {
		case a.fault != nil:
			return a, responsecache.Tell
		case !a.whole:
			return a, responsecache.Own // its errors bear the id of this request
		}
		return a, responsecache.Keep
	})
	return received(a, came, err)
}
