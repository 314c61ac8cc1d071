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

	"petitiond/server/budget"
	"petitiond/server/content"
	"petitiond/server/errcode"
	"petitiond/server/operation"
	"petitiond/server/transport/fault"
)

// answer is what an operation was answered with, in the bytes that leave. Nobody changes it any more, so that
// everybody may get the same.
type answer struct {
	fault  *fault.Fault // if the operation was not executed
	status int
	retry  int // seconds after which to try again; 0: nothing is said
	whole  bool
	body   content.Bytes
	fresh  int // seconds for which a cache may take it for the present one

	page Page // if it is that of no operation: then there is nothing else, but perhaps a fault

	mu      sync.Mutex // guards senders
	senders int        // see hold
}

// countedFrom is the least size of an answer of which is counted that it takes memory while it is sent.
const countedFrom = 128 << 10

// hold counts the memory that the answer takes as long as somebody sends it, who calls release in the end. It reports
// whether there is so much. Shared answers take it once, however many send them.
func (a *answer) hold(m *budget.Memory) bool {
	if a.size() < countedFrom {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.senders == 0 && !m.Take(a.size()) {
		return false
	}
	a.senders++
	return true
}

// release ends what hold began.
func (a *answer) release(m *budget.Memory) {
	if a.size() < countedFrom {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.senders--; a.senders == 0 {
		m.Give(a.size())
	}
}

// tooLarge answers an operation whose answer would have more bytes than most. What a mutation did is done.
func tooLarge(op *operation.Operation, most int) *answer {
	if op.Kind() != ast.Mutation {
		return &answer{fault: fault.AnswerTooLarge(most)}
	}
	err := operation.Exceeded("answer", most, fmt.Sprintf("This was done, but its answer would have more than %d bytes. Ask for less of what was changed.", most))
	return newAnswer(&graphql.Response{Data: json.RawMessage("null"), Errors: gqlerror.List{err}}, 0)
}

// outcomeUnknown answers an operation for whose answer there was no memory. What a mutation did is done, which its
// client learns from a repetition.
func outcomeUnknown(op *operation.Operation) *answer {
	if op.Kind() != ast.Mutation {
		return &answer{fault: fault.NoMemory()}
	}
	return &answer{fault: fault.Passing(errcode.OutcomeUnknown,
		"The server had no memory for the answer. Send the operation again, with the same idempotencyKey where it has one.")}
}

// newAnswer finishes what was executed.
func newAnswer(resp *graphql.Response, fresh int) *answer {
	a := &answer{body: content.Bytes{Plain: encode(resp)}, whole: len(resp.Errors) == 0, fresh: fresh}
	status, because := statusOf(resp)
	if a.status = status; status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		a.retry = 1
		if given, ok := retryAfter(because); ok {
			a.retry = given
		}
	}
	return a
}

// size is what an answer takes in memory, about, also when it has been compressed.
func (a *answer) size() int {
	if a.page != nil {
		return a.page.Size()
	}
	return a.body.Size() + 600
}

// How a query came by its answer, as RFC 9211 says it.
const (
	cacheStatusHeader = "Cache-Status"
	statusHit         = "petitiond; hit"
	statusMiss        = "petitiond; fwd=miss"
	statusBypass      = "petitiond; fwd=bypass" //nolint:gosec // no credential
)

// deliver sends the answer of a query.
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
	keeps := r.Method != http.MethodPost && a.status == http.StatusOK && a.whole && len(r.Header["Authorization"]) == 0
	if keeps {
		header["Cache-Control"] = []string{a.caching()}
	}
	a.body.Send(w, r, a.status, headerValues[string(m)][0], keeps)
}

// caching says for how long others may keep the answer without asking whether it is still the same.
func (a *answer) caching() string {
	if a.fresh == 0 {
		return "no-cache"
	}
	// It has no age: what is answered from memory is known to be the present answer, whenever it was computed.
	return "public, max-age=" + strconv.Itoa(a.fresh)
}

const charset = "; charset=utf-8"

// headerValues are headers as they stand in the map, made once. Who adds to one makes another.
var headerValues = map[string][]string{
	statusHit: {statusHit}, statusMiss: {statusMiss}, statusBypass: {statusBypass}, "nosniff": {"nosniff"}, "no-store": {"no-store"},
	string(mediaJSON): {string(mediaJSON) + charset}, string(mediaGraphQL): {string(mediaGraphQL) + charset},
	string(mediaEvents): {string(mediaEvents) + charset},
}
