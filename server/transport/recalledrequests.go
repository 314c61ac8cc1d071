package transport

import (
	"hash/maphash"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/lru"
	"petitiond/server/operation"
	"petitiond/server/responsecache"
)

// recalled maps the bytes of a request to the operation that it asks for. Many clients that load the same page send the
// same bytes, which then need not be decoded, validated and hashed each time. It holds only queries that were accepted,
// since their meaning depends on nothing but those bytes.
type recalled struct {
	seed  maphash.Seed
	known *lru.Cache[uint64, recalledRequest]
	docs  map[*ast.QueryDocument]*recalledDocument // documents that requests in known refer to; guarded by the lock of known
}

// recalledDocument is how many requests share a document, and how many bytes the document takes.
type recalledDocument struct{ requests, bytes int }

type recalledRequest struct {
	text  string // of the request: hashes may be equal
	op    *operation.Operation
	key   responsecache.Key
	bytes int // that its document takes
}

// size returns roughly what a request takes in memory besides its document: the text and the variables that were read
// from it.
func (r recalledRequest) size() int { return 600 + 2*len(r.text) }

// newRecalled returns an empty cache of at most so many bytes.
func newRecalled(most int) *recalled {
	r := &recalled{seed: maphash.MakeSeed(), docs: map[*ast.QueryDocument]*recalledDocument{}}
	r.known = lru.New[uint64](most, r.hold, r.release)
	return r
}

// hold returns how many bytes a new request adds: its document counts only if no other request shares it.
func (r *recalled) hold(request recalledRequest) (bytes int) {
	bytes = request.size()
	doc := r.docs[request.op.Document]
	if doc == nil {
		doc = &recalledDocument{bytes: request.bytes}
		r.docs[request.op.Document] = doc
		bytes += doc.bytes
	}
	doc.requests++
	return bytes
}

// release returns how many bytes are freed with a request, those of its document included if no other request shares
// it.
func (r *recalled) release(request recalledRequest) (bytes int) {
	bytes = request.size()
	doc := r.docs[request.op.Document]
	if doc.requests--; doc.requests == 0 {
		bytes += doc.bytes
		delete(r.docs, request.op.Document)
	}
	return bytes
}

// hash includes the method, since a body and a query string with the same bytes mean different things.
func (r *recalled) hash(method string, text []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	_, _ = h.WriteString(method)
	_, _ = h.Write(text)
	return h.Sum64()
}

// find returns what is known of a request.
func (r *recalled) find(method string, text []byte) (known recalledRequest, ok bool) {
	known, ok = r.known.Get(r.hash(method, text))
	// Compared, since two requests may have the same hash; a miss only costs the parsing.
	return known, ok && known.text == string(text)
}

// keep remembers a request.
func (r *recalled) keep(method string, request recalledRequest) {
	r.known.Add(r.hash(method, []byte(request.text)), request)
}
