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
	each   int64 // of the memory for one address; 0: all of it

	mu        sync.Mutex // guards what follows
	documents map[*ast.QueryDocument]*document
	by        map[netip.Prefix]int64
}

// document is one that somebody holds. It counts for the address that was the first to hold it.
type document struct {
	holders int
	bytes   int
	address netip.Prefix
}

// holding is the memory of one operation.
type holding struct {
	all     *holdings
	of      *ast.QueryDocument
	address netip.Prefix
	bytes   int // apart from the document
}

// newHoldings returns holdings that may take three eighths as much as all answers together, and of one address a
// quarter of that; without perAddress, nothing is limited by address. It is a memory of its own: what is open for
// hours must not take what comes and goes.
//
// The program gives answers a third of what its heap may take (wiring.go), so this is an eighth of the heap: with
// PostgreSQL the eighth of PETITION_MEMORY that README promises. SQLite's pages are no part of the heap and may take
// a quarter of PETITION_MEMORY: then it is an eighth of the other three quarters.
func newHoldings(answersMemory int64, perAddress bool) *holdings {
	all := answersMemory / 8 * 3
	h := &holdings{memory: answerbudget.NewMemory(all), documents: map[*ast.QueryDocument]*document{}, by: map[netip.Prefix]int64{}}
	if perAddress {
		h.each = all / 4
	}
	return h
}

// take takes the memory that an operation needs while it is kept. It returns nil if there is not enough.
func (h *holdings) take(op *operation.Operation, address netip.Prefix) *holding {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := op.Retained()
	need := own
	d := h.documents[op.Document]
	if d == nil {
		d = &document{bytes: op.Shared(), address: address}
		need += d.bytes
	}
	if h.each > 0 && h.by[address]+int64(need) > h.each || !h.memory.Take(need) {
		return nil
	}
	d.holders++
	h.documents[op.Document] = d
	h.by[address] += int64(need)
	return &holding{all: h, of: op.Document, address: address, bytes: own}
}

// give gives the memory back. It is called once.
func (o *holding) give() {
	h := o.all
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free(o.address, o.bytes)
	d := h.documents[o.of]
	if d.holders--; d.holders == 0 {
		delete(h.documents, o.of)
		h.free(d.address, d.bytes)
	}
}

// free needs mu.
func (h *holdings) free(address netip.Prefix, bytes int) {
	h.memory.Give(bytes)
	if h.by[address] -= int64(bytes); h.by[address] == 0 {
		delete(h.by, address)
	}
}
