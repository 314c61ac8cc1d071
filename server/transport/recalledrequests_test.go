package transport

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/operation"
	"petitiond/server/responsecache"
)

// TestRecalledRequestsAreBounded keeps many requests, some with a document in common: what they take stays within the
// bound, is given back with them, and the latest are known.
func TestRecalledRequestsAreBounded(t *testing.T) {
	t.Parallel()
	const most = 100_000
	r := newRecalled(most)
	text := func(n int) string { return fmt.Sprintf("request %d %s", n, strings.Repeat("x", n%300)) }
	shared := &ast.QueryDocument{}
	for n := range 2000 {
		op := &operation.Operation{Document: shared}
		if n%3 == 0 {
			op.Document = &ast.QueryDocument{}
		}
		r.keep("POST", recalledRequest{text(n), op, responsecache.Key{}, 1000 + n%500})
		if r.known.Bytes() > most {
			t.Fatalf("%d bytes after %d requests", r.known.Bytes(), n)
		}
		if _, ok := r.find("POST", []byte(text(n))); !ok {
			t.Fatalf("request %d is not known", n)
		}
		if _, ok := r.find("GET", []byte(text(n))); ok {
			t.Fatalf("request %d is known by another method", n)
		}
	}
	if _, ok := r.find("POST", []byte(text(0))); ok {
		t.Error("the oldest request is still known")
	}
	n, sum, documents := 0, 0, map[*ast.QueryDocument]bool{}
	for _, known := range r.known.All() {
		n, sum = n+1, sum+known.size()
		documents[known.op.Document] = true
	}
	if n < 20 {
		t.Errorf("only %d are known", n)
	}
	for doc := range documents {
		sum += r.docs[doc].bytes
	}
	if sum != r.known.Bytes() || len(documents) != len(r.docs) {
		t.Errorf("%d bytes and %d documents are counted, and %d and %d kept", r.known.Bytes(), len(r.docs), sum, len(documents))
	}
	r.known.Clear()
	if r.known.Bytes() != 0 || len(r.docs) != 0 {
		t.Errorf("%d bytes and %d documents are left", r.known.Bytes(), len(r.docs))
	}
	r.keep("POST", recalledRequest{strings.Repeat("x", most), &operation.Operation{Document: shared}, responsecache.Key{}, 1})
	if r.known.Bytes() != 0 {
		t.Error("a request that is larger than the bound is kept")
	}
}
