package transport

import (
	"hash/maphash"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/lru"
	"petitiond/server/operation"
	"petitiond/server/responsecache"
)

// recalled knows by the bytes of a request which operation it asks for, so that a crowd that reloads a page is not
// decoded, validated and hashed over and over. Only queries are in it that were taken: what a request means depends on
// nothing but its bytes.
type recalled struct {
	seed  maphash.Seed
	known *lru.Cache[uint64, recalledRequest]
	docs  map[*ast.QueryDocument]*holding // that are kept alive; guarded by the lock of known
}

// holding is how many requests have a document in common, and what it takes.
type holding struct{ requests, bytes int }

type recalledRequest struct {
	text  string // of the request: hashes may be equal
	op    *operation.Operation
	key   responsecache.Key
	bytes int // that its document takes
}

// size is what it takes in memory beside the document, about: the text and the variables that were read from it.
func (r recalledRequest) size() int { return 600 + 2*len(r.text) }

// newRecalled returns a memory of so many bytes.
func newRecalled(most int) *recalled {
	r := &recalled{seed: maphash.MakeSeed(), docs: map[*ast.QueryDocument]*holding{}}
	r.known = lru.New[uint64](most, r.hold, r.release)
	return r
}

// hold counts what a request takes, and its document once.
func (r *recalled) hold(request recalledRequest) (bytes int) {
	bytes = request.size()
	doc := r.docs[request.op.Document]
	if doc == nil {
		doc = &holding{bytes: request.bytes}
		r.docs[request.op.Document] = doc
		bytes += doc.bytes
	}
	doc.requests++
	return bytes
}

// release returns what goes with a request, and with its document if it is the last of it.
func (r *recalled) release(request recalledRequest) (bytes int) {
	bytes = request.size()
	doc := r.docs[request.op.Document]
	if doc.requests--; doc.requests == 0 {
		bytes += doc.bytes
		delete(r.docs, request.op.Document)
	}
	return bytes
}

// hash tells requests apart, a body from a query string among them.
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
	return known, ok && known.text == string(text)
}

// keep remembers a request.
func (r *recalled) keep(method string, request recalledRequest) {
	r.known.Add(r.hash(method, []byte(request.text)), request)
}
