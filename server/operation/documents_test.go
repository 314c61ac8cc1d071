package operation

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestDocumentsKeepWithinBytes(t *testing.T) {
	t.Parallel()
	kept := newDocuments(1000)
	doc := func(name byte, bytes int) *document { return &document{key: digest{name}, bytes: bytes} }
	keys := func() (list string) {
		for _, key := range kept.used.Keys() {
			list += string(key[0])
		}
		return list
	}
	a, b := doc('a', 400), doc('b', 400)
	steps := []struct {
		name string
		do   func()
		want string // the oldest first
	}{
		{"Fits", func() { kept.add(a); kept.add(b) }, "ab"},
		{"Again", func() { kept.add(doc('a', 900)) }, "ab"},
		{"Used", func() { kept.get(a.key) }, "ba"},
		{"OldestGoes", func() { kept.add(doc('c', 400)) }, "ac"},
		{"Grows", func() { kept.charge(a, 100) }, "ac"},
		{"GrowsTooMuch", func() { kept.charge(a, 200) }, "c"},
		{"GoneGrows", func() { kept.charge(a, 900) }, "c"},
		{"OtherOfThatKeyGrows", func() { kept.charge(doc('c', 0), 900) }, "c"},
		{"MakesRoom", func() { kept.add(doc('d', 900)) }, "d"},
		{"TooLarge", func() { kept.add(doc('e', 1001)) }, ""},
	}
	for _, step := range steps {
		step.do()
		if got := keys(); got != step.want {
			t.Errorf("%s: kept %q, want %q", step.name, got, step.want)
		}
	}
	if kept.bytes != 0 {
		t.Errorf("%d bytes are kept of nothing", kept.bytes)
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
		bytes = append(bytes, e.documents.bytes)
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
	sum := 0
	for _, doc := range e.documents.used.Values() {
		sum += doc.bytes
	}
	if n := e.documents.used.Len(); sum != e.documents.bytes || sum > e.limits.DocumentBytes || n < 50 || n > 790 {
		t.Errorf("%d documents of %d bytes are kept, and %d are told", n, sum, e.documents.bytes)
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
		took, said := int(heap()-before)/copies, e.documents.bytes/copies
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
