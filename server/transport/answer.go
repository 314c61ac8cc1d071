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

	mu      sync.Mutex // guards senders
	senders int        // see hold
}

// countedFrom is the size from which an answer's memory is counted while it is being sent.
const countedFrom = 128 << 10

// hold reserves the memory of the answer while it is being sent, and reports whether there was enough. The caller calls
// release when it has been sent. A shared answer is counted once, however many clients it is being sent to.
func (a *answer) hold(m *answerbudget.Memory) bool {
	if a.size() < countedFrom {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	// The size must not change between hold and release. It does not, as what is compressed later is counted from the
	// start.
	if a.senders == 0 && !m.Take(a.size()) {
		return false
	}
	a.senders++
	return true
}

// release returns the memory that hold reserved.
func (a *answer) release(m *answerbudget.Memory) {
	if a.size() < countedFrom {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.senders--; a.senders == 0 {
		m.Give(a.size())
	}
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
		return &answer{fault: fault.NoMemory()}
	}
	return &answer{fault: fault.Passing(errcode.OutcomeUnknown,
		"The server had no memory for the answer. Send the operation again, with the same idempotencyKey where it has one.")}
}

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
	if !a.hold(t.sharing.memory) {
		refuse(w, m, fault.NoMemory())
		return
	}
	defer a.release(t.sharing.memory)
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
