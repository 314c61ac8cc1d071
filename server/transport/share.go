package transport

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash/maphash"
	"math"
	"net/http"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/answers"
	"petitiond/server/budget"
	"petitiond/server/operation"
)

// Queries of those who show no credential are answered alike, whoever asks: such an answer is computed once, and
// kept until something in it changes, or for some seconds. What depends on the one who asks is never shared, since who
// asks without a credential is nobody.

// Drop forgets the answers that depend on one of the topics. It comes after a change can be read and before it is
// acknowledged: who asks after that sees it.
func (t *Transport) Drop(topics ...answers.Topic) { t.answers.Drop(topics...) }

// ClearAnswers forgets all answers, where nobody can know what has changed.
func (t *Transport) ClearAnswers() { t.answers.Clear() }

// Cautious keeps answers for a moment only, while changes may happen of which Drop is not told.
func (t *Transport) Cautious(on bool) { t.answers.Cautious(on) }

// Answers tells how many queries were answered from memory, by waiting for another's answer, and by computing one of
// their own, and what is kept.
func (t *Transport) Answers() answers.Stats { return t.answers.Stats() }

// shares reports whether the answer of a query may be everybody's.
func (t *Transport) shares(header http.Header) bool {
	return t.sharing && len(header["Authorization"]) == 0 && header.Get(costHeader) == ""
}

// answerQuery answers a query, as soon as there is room.
func (t *Transport) answerQuery(who identity, w http.ResponseWriter, r *http.Request, m media, op *operation.Operation) {
	if !t.shares(r.Header) {
		a := t.compute(who.ctx, op, r.Header)
		t.deliver(w, r, m, a, bypass)
		return
	}
	a, how := t.share(who.ctx, op)
	t.deliver(w, r, m, a, how)
}

// ask gives the answer of a query or a mutation on a line.
func (t *Transport) ask(ctx context.Context, who identity, op *operation.Operation) *answer {
	if !t.sharing || !who.anonymous() || op.Kind() != ast.Query {
		return t.compute(ctx, op, nil)
	}
	a, _ := t.share(ctx, op)
	return a
}

// Page is something besides answers that is made for everybody. Nobody changes it any more.
type Page interface {
	// Size is what it takes in memory, about.
	Size() int
}

// Share sends the page of a name, and says how it came by it, for the header Cache-Status. A page is treated as the
// answer of a query is: it is in memory until something changes that it depends on (see [answers.On]); else it is
// rendered once for all who ask at the same time, when there is room among what runs, within the time of an operation
// and the budget of an answer. Render reports whether the page may be kept: otherwise it is for those who have asked
// already. Where there is an error nothing was sent, since the server has as much to do as it can.
func (t *Transport) Share(
	ctx context.Context, name string,
	render func(context.Context) (page Page, keep bool), send func(page Page, status string),
) error {
	a, how := t.sharePage(ctx, name, render)
	if a.fault != nil || !a.hold(t.memory) {
		return errBusy
	}
	defer a.release(t.memory)
	send(a.page, how)
	return nil
}

var errBusy = errors.New("transport: there is as much to do as can be done")

func (t *Transport) sharePage(
	ctx context.Context, name string, render func(context.Context) (page Page, keep bool),
) (a *answer, how string) {
	if !t.sharing {
		a, _ := t.render(ctx, render)
		return a, bypass
	}
	key := answers.Key(sha256.Sum256([]byte("page " + name)))
	a, came, err := t.answers.Get(ctx, key, func(r *answers.Recorder) (*answer, answers.Verdict) {
		if r == nil {
			a, _ := t.render(ctx, render)
			return a, answers.Own
		}
		a, keep := t.render(r.Within(context.WithoutCancel(ctx)), render)
		if keep {
			return a, answers.Keep
		}
		return a, answers.Tell
	})
	return received(a, came, err)
}

// render renders a page as soon as there is room.
func (t *Transport) render(ctx context.Context, render func(context.Context) (Page, bool)) (a *answer, keep bool) {
	done, f := t.begin(ctx)
	if f != nil {
		return &answer{fault: f}, false
	}
	defer done() // also if it panics
	b := t.memory.Budget(t.limits.AnswerSize)
	defer b.Close()
	ctx, cancel := context.WithTimeoutCause(budget.With(ctx, b), t.limits.Operation, errTimeout)
	defer cancel()
	page, keep := render(ctx)
	if errors.Is(b.Err(), budget.ErrMemory) {
		return &answer{fault: withoutMemory()}, false
	}
	return &answer{page: page}, keep
}

// received is what somebody got from the store of answers, and how.
func received(a *answer, came answers.How, err error) (_ *answer, how string) {
	switch {
	case err != nil || a == nil: // who waited is gone, or what was waited for has panicked
		f := refusal(http.StatusServiceUnavailable, unavailable, "The request was given up before it was answered.")
		return &answer{fault: f}, miss
	case came == answers.Hit:
		return a, hit
	}
	return a, miss
}

// share gives the answer that everybody gets who asks the same without a credential.
func (t *Transport) share(ctx context.Context, op *operation.Operation) (a *answer, how string) {
	a, came, err := t.answers.Get(ctx, answers.Key(op.Key()), func(r *answers.Recorder) (*answer, answers.Verdict) {
		if r == nil {
			return t.compute(ctx, op, nil), answers.Own
		}
		// Others wait, too: that the first hangs up ends it for nobody.
		a := t.compute(r.Within(context.WithoutCancel(ctx)), op, nil)
		switch {
		case a.fault != nil:
			return a, answers.Tell
		case !a.whole:
			return a, answers.Own // its errors bear the id of this request
		}
		return a, answers.Keep
	})
	return received(a, came, err)
}

// compute executes a query. What it costs is told to who asks for it.
func (t *Transport) compute(ctx context.Context, op *operation.Operation, header http.Header) *answer {
	done, f := t.begin(ctx)
	if f != nil {
		return &answer{fault: f}
	}
	defer done() // also if it panics
	b := t.memory.Budget(t.limits.AnswerSize)
	defer b.Close()
	resp := t.engine.execute(budget.With(ctx, b), op)
	if header != nil {
		if report := t.costReport(header, op.Cost); report != nil {
			resp.Extensions = withExtensions(resp.Extensions, report)
		}
	}
	a := newAnswer(resp, t.hints.freshness(op.Definition))
	switch err := b.Err(); {
	case errors.Is(err, budget.ErrMemory):
		return unseen(op)
	case err != nil || len(a.body.Plain) > t.limits.AnswerSize: // with its errors
		return tooLarge(op, t.limits.AnswerSize)
	}
	return a
}

// recalled knows by the bytes of a request which operation it asks for, so that a crowd that reloads a page is not
// decoded, validated and hashed over and over. Only queries are in it that were taken: what a request means depends on
// nothing but its bytes.
type recalled struct {
	seed maphash.Seed
	most int

	mu    sync.Mutex // guards what follows
	known *simplelru.LRU[uint64, recalledRequest]
	docs  map[*ast.QueryDocument]*holding // that are kept alive
	bytes int
}

// holding is how many requests have a document in common, and what it takes.
type holding struct{ requests, bytes int }

type recalledRequest struct {
	text string // of the request: hashes may be equal
	op   *operation.Operation
	key  answers.Key
}

// size is what it takes in memory beside the document, about: the text and the variables that were read from it.
func (r recalledRequest) size() int { return 600 + 2*len(r.text) }

func newRecalled(most int) *recalled {
	r := &recalled{seed: maphash.MakeSeed(), most: most, docs: map[*ast.QueryDocument]*holding{}}
	// Entries are not counted. The only error is of a size below one.
	r.known, _ = simplelru.NewLRU(math.MaxInt, func(_ uint64, gone recalledRequest) { r.release(gone) })
	return r
}

// hold counts what a request takes, and its document once.
func (r *recalled) hold(request recalledRequest, size int) {
	doc := r.docs[request.op.Document]
	if doc == nil {
		doc = &holding{bytes: size}
		r.docs[request.op.Document] = doc
		r.bytes += doc.bytes
	}
	doc.requests++
	r.bytes += request.size()
}

func (r *recalled) release(request recalledRequest) {
	r.bytes -= request.size()
	doc := r.docs[request.op.Document]
	if doc.requests--; doc.requests == 0 {
		r.bytes -= doc.bytes
		delete(r.docs, request.op.Document)
	}
}

// hash tells requests apart, a body from a query string among them.
func (r *recalled) hash(method string, text []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	_, _ = h.WriteString(method)
	_, _ = h.Write(text)
	return h.Sum64()
}

func (r *recalled) find(method string, text []byte) (known recalledRequest, ok bool) {
	hash := r.hash(method, text)
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok = r.known.Get(hash)
	return known, ok && known.text == string(text)
}

// keep remembers a request, whose document takes so many bytes.
func (r *recalled) keep(method string, request recalledRequest, size int) {
	hash := r.hash(method, []byte(request.text))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known.Contains(hash) {
		return
	}
	r.known.Add(hash, request)
	r.hold(request, size)
	for r.bytes > r.most {
		if _, _, some := r.known.RemoveOldest(); !some {
			return
		}
	}
}

// hints say for how long what a field gives stays true enough for a cache, in seconds: by the directive cacheControl of
// the field, or of its type, or else as the field above. The smallest of an operation is that of its answer.
type hints map[*ast.FieldDefinition]int

const cacheDirective = "cacheControl"

func newHints(schema *ast.Schema) hints {
	h := hints{}
	for _, object := range schema.Types {
		for _, field := range object.Fields {
			if seconds, ok := hintOf(field.Directives); ok {
				h[field] = seconds
			} else if result := schema.Types[field.Type.Name()]; result != nil {
				if seconds, ok := hintOf(result.Directives); ok {
					h[field] = seconds
				}
			}
		}
	}
	return h
}

func hintOf(list ast.DirectiveList) (seconds int, ok bool) {
	d := list.ForName(cacheDirective)
	if d == nil {
		return 0, false
	}
	v, err := d.Arguments.ForName("maxAge").Value.Value(nil)
	if n, whole := v.(int64); err == nil && whole {
		return int(n), true
	}
	return 0, false
}

// unchanging is how long the schema stays as it is, at least: as long as a rolling upgrade takes.
const unchanging = 60

// freshness is the smallest hint of an operation. A field of Query without one is not to be kept.
func (h hints) freshness(op *ast.OperationDefinition) int {
	smallest, seen := unchanging, map[*ast.FragmentDefinition]bool{}
	var look func(set ast.SelectionSet, root bool)
	look = func(set ast.SelectionSet, root bool) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				seconds, ok := h[s.Definition]
				if introspective := strings.HasPrefix(s.Name, "__"); !ok && root && !introspective {
					seconds, ok = 0, true
				}
				if ok {
					smallest = min(smallest, seconds)
				}
				look(s.SelectionSet, false)
			case *ast.InlineFragment:
				look(s.SelectionSet, root)
			case *ast.FragmentSpread:
				if !seen[s.Definition] {
					seen[s.Definition] = true
					look(s.Definition.SelectionSet, root)
				}
			}
		}
	}
	look(op.SelectionSet, true)
	return smallest
}
