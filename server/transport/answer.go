package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/answerbudget"
	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/precompressed"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/fault"
)

// answer is the encoded answer of an operation. It is never changed once it is made, so it can be sent to any number of
// clients.
type answer struct {
	fault  *fault.Fault // if the operation was not executed
	status int
	retry  int // seconds after which to try again; 0: no Retry-After is sent
	whole  bool
	body   precompressed.Bytes
	fresh  int // seconds for which a cache may serve it without asking again

	page Page // set if this is a page and not an answer of an operation: then only fault may be set besides

	lacking bool // there was no memory for it, as there may be for another network

	mu     sync.Mutex // guards memory
	memory answerbudget.Common
}

// countedFrom is the size from which an answer's memory is counted while it is being sent.
const countedFrom = 128 << 10

// counted returns how much memory of the answer is counted while it is being sent.
func (a *answer) counted() int {
	if size := a.size(); size >= countedFrom {
		return size
	}
	return 0
}

// hold reserves the memory of the answer while it is being sent to a client of a network, and reports whether there was
// enough. The caller calls release when it has been sent. A shared answer is counted once, however many clients it is
// being sent to.
func (a *answer) hold(network answerbudget.Share) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.memory.Join(network, a.counted())
}

// release returns the memory that hold reserved.
func (a *answer) release(network answerbudget.Share) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.memory.Leave(network)
}

// tooLarge answers an operation whose answer would have more bytes than most. A mutation has been executed all the
// same, and its answer says so.
func tooLarge(op *operation.Operation, most int) *answer {
	if op.Kind() != ast.Mutation {
		return &answer{fault: fault.AnswerTooLarge(most)}
	}
	err := operation.Exceeded("answer", most, fmt.Sprintf("This was done, but its answer would have more than %d bytes. Ask for less of what was changed.", most))
	return newAnswer(&graphql.Response{Data: json.RawMessage("null"), Errors: gqlerror.List{err}}, 0)
}

// outcomeUnknown answers an operation for whose answer there was no memory. A mutation may have been executed all the
// same: its client learns the outcome by repeating it.
func outcomeUnknown(op *operation.Operation) *answer {
	if op.Kind() != ast.Mutation {
		return noMemory()
	}
	return &answer{fault: fault.Passing(errcode.OutcomeUnknown,
		"The server had no memory for the answer. Send the operation again, with the same idempotencyKey where it has one.")}
}

// noMemory answers an operation that was not executed, or a page, for want of memory.
func noMemory() *answer { return &answer{fault: fault.NoMemory(), lacking: true} }

// newAnswer returns the answer for the result of an execution.
func newAnswer(resp *graphql.Response, fresh int) *answer {
	a := &answer{body: precompressed.Bytes{Plain: encode(resp)}, whole: len(resp.Errors) == 0, fresh: fresh}
	status, because := statusOf(resp)
	if a.status = status; status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		a.retry = 1
		if given, ok := retryAfter(because); ok {
			a.retry = given
		}
	}
	return a
}

// size returns roughly how much memory the answer takes, its compressed form included.
func (a *answer) size() int {
	if a.page != nil {
		return a.page.Size()
	}
	return a.body.Size() + 600
}

// Where the answer of a query came from, in the words of RFC 9211.
const (
	cacheStatusHeader = "Cache-Status"
	statusHit         = "petitiond; hit"
	statusMiss        = "petitiond; fwd=miss"
	statusBypass      = "petitiond; fwd=bypass" //nolint:gosec // no credential
)

// deliver sends the answer of a query; how is the value of Cache-Status.
func (t *Transport) deliver(w http.ResponseWriter, r *http.Request, m media, a *answer, how string) {
	if a.counted() > 0 { // hardly an answer is
		share := t.sharing.memory.Of(t.intake.network(r))
		if !a.hold(share) {
			refuse(w, m, fault.NoMemory())
			return
		}
		defer a.release(share)
	}
	if a.fault != nil {
		refuse(w, m, a.fault)
		return
	}
	header := w.Header()
	header[cacheStatusHeader] = headerValues[how]
	if a.retry > 0 {
		header.Set("Retry-After", strconv.Itoa(a.retry))
	}
	keeps := a.cacheable(r)
	if keeps {
		header["Cache-Control"] = []string{a.caching()}
	}
	a.body.Send(w, r, a.status, headerValues[string(m)][0], keeps)
}

const charset = "; charset=utf-8"

// headerValues are header values that are allocated once and shared by all responses, so nothing may append to them.
var headerValues = map[string][]string{
	statusHit: {statusHit}, statusMiss: {statusMiss}, statusBypass: {statusBypass}, "nosniff": {"nosniff"}, "no-store": {"no-store"},
	string(mediaJSON): {string(mediaJSON) + charset}, string(mediaGraphQL): {string(mediaGraphQL) + charset},
	string(mediaEvents): {string(mediaEvents) + charset}, string(mediaParts): {connection.PartsType},
}
