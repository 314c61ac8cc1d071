package connection

import (
	"net/netip"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/answerbudget"
	"petitiond/server/operation"
)

// holdings counts the memory of operations that are kept for long: subscriptions that are open, and what waits for its
// stream. A document counts once, however many subscriptions have it.
type holdings struct {
	memory *answerbudget.Memory

	mu        sync.Mutex // guards documents
	documents map[*ast.QueryDocument]*answerbudget.Common
}

// holding is the memory of one operation.
type holding struct {
	all   *holdings
	of    *ast.QueryDocument
	share answerbudget.Share
	bytes int // apart from the document
}

// newHoldings returns holdings that may take three eighths as much as all answers together. It is a memory of its own:
// what is open for hours must not take what comes and goes.
//
// The program gives answers a third of what its heap may take (wiring.go), so this is an eighth of the heap: with
// PostgreSQL the eighth of PETITION_MEMORY that README promises. SQLite's pages are no part of the heap and may take
// a quarter of PETITION_MEMORY: then it is an eighth of the other three quarters.
//
// One address alone may take a quarter: it does not give it back when others come.
func newHoldings(answersMemory int64, perAddress bool) *holdings {
	each := 1
	if perAddress {
		each = 4
	}
	return &holdings{
		memory:    answerbudget.NewMemory(answersMemory/8*3, each),
		documents: map[*ast.QueryDocument]*answerbudget.Common{},
	}
}

// take takes the memory that an operation needs while it is kept. It returns nil if there is not enough.
func (h *holdings) take(op *operation.Operation, address netip.Prefix) *holding {
	o := &holding{all: h, of: op.Document, share: h.memory.Of(address), bytes: op.Retained()}
	if !o.share.Take(o.bytes) {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.documents[op.Document]
	if d == nil {
		d = &answerbudget.Common{}
	}
	if !d.Join(o.share, op.Shared()) {
		o.share.Give(o.bytes)
		return nil
	}
	h.documents[op.Document] = d
	return o
}

// give gives the memory back. It is called once.
func (o *holding) give() {
	o.share.Give(o.bytes)
	h := o.all
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.documents[o.of].Leave(o.share) {
		delete(h.documents, o.of)
	}
}
