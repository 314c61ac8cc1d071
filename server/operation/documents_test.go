package operation

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What was forgotten, and judged again since, is charged for nothing.
func TestForgottenDocumentsAreNotCharged(t *testing.T) {
	t.Parallel()
	kept := newDocuments(1000)
	doc := func(name byte, bytes int) *document { return &document{key: digest{name}, bytes: bytes} }
	a := doc('a', 400)
	kept.Add(a.key, a)
	a.charge(kept, 100)
	if kept.Bytes() != 500 || a.size() != 500 {
		t.Errorf("%d bytes are kept of a document of %d, want 500", kept.Bytes(), a.size())
	}
	doc('a', 0).charge(kept, 900)
	doc('b', 0).charge(kept, 900)
	if kept.Bytes() != 500 {
		t.Errorf("%d bytes are kept, want 500", kept.Bytes())
	}
	a.charge(kept, 501)
	if kept.Bytes() != 0 {
		t.Errorf("%d bytes are kept of what is too large", kept.Bytes())
	}
}

// What the bill of an operation takes is charged when it is written.
func TestDocumentsAreChargedForBills(t *testing.T) {
	t.Parallel()
	e := newContractJudge(Options{})
	text := `query A { __typename } query B($n: Int) { petitions(first: $n) { nodes { id } edges { cursor } } }`
	var bytes []int
	for _, name := range []string{"A", "B", "B"} {
		if _, f := e.Prepare(&Request{Query: text, OperationName: name}); f != nil {
			t.Fatal(f.Errors)
		}
		bytes = append(bytes, e.documents.Bytes())
	}
	// The list, and the two fields that it sizes.
	if want := []int{bytes[0], bytes[0] + 3*billBytes, bytes[0] + 3*billBytes}; !slices.Equal(want, bytes) {
		t.Errorf("bytes %v, want %v", bytes, want)
	}
}

// A flood of one-off documents must not fill the memory.
func TestDocumentsOfAFlood(t *testing.T) {
	t.Parallel()
	e := newContractJudge(Options{})
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for i := range 200 {
				text := fmt.Sprintf(`query Q%d_%d($n: Int) { petition(slug: "a") { %s comments(first: $n) { nodes { id } } } }`, client, i, strings.Repeat("id ", 150))
				if _, f := e.Prepare(&Request{Query: text}); f != nil {
					t.Error(f.Errors)
				}
			}
		})
	}
	clients.Wait()
	sum, n := 0, 0
	for _, doc := range e.documents.All() {
		sum, n = sum+doc.bytes, n+1
	}
	if sum != e.documents.Bytes() || sum > e.limits.DocumentBytes || n < 50 || n > 790 {
		t.Errorf("%d documents of %d bytes are kept, and %d are told", n, sum, e.documents.Bytes())
	}
}

// What documents are said to take must not be less than they do.
func TestDocumentsTakeNoMoreThanIsSaid(t *testing.T) {
	l := DefaultLimits()
	l.DocumentBytes = 1 << 30
	for name, text := range adversaries() {
		e := newContractJudge(Options{Introspection: true, Limits: l})
		if judge(e, text) != nil {
			continue
		}
		e.documents = newDocuments(1 << 30)
		before := heap()
		const copies = 20
		for i := range copies {
			// Each has a text of its own, as bodies do.
			if _, f := e.Prepare(&Request{Query: fmt.Sprintf("%s #%d", text, i), OperationName: firstName(text)}); f != nil {
				t.Fatal(f.Errors)
			}
		}
		took, said := int(heap()-before)/copies, e.documents.Bytes()/copies
		if took > said {
			t.Errorf("%s takes %d bytes, %d are said", name, took, said)
		}
		t.Logf("%s: %d bytes, %d said", name, took, said)
		runtime.KeepAlive(e)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
