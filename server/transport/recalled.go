package transport

import (
	"hash/maphash"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/answers"
	"petitiond/server/operation"
)

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
