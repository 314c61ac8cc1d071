package operation

import (
	"crypto/sha256"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/vektah/gqlparser/v2/ast"
)

// digest is the hash by which a document is known.
type digest [sha256.Size]byte

// document is a text that was parsed and judged. It is read by many at once
// and changed by none.
type document struct {
	*ast.QueryDocument
	key        digest
	conditions map[*ast.OperationDefinition][]string // the variables that @skip and @include go by

	mu     sync.Mutex
	prices map[*ast.OperationDefinition]price
	bytes  int // that it takes in memory, about
}

// What the parts of a document take in memory at most, as measured; half of it
// is usual.
const (
	textBytes  = 2 // for a byte of the text: strings with escapes are kept beside it
	tokenBytes = 240
	billBytes  = 400 // for a field whose cost hangs on variables
	entryBytes = 2 << 10
)

// documents remembers what was judged, the latest used, within a bound on
// memory: of one-off documents come as many as anybody likes.
type documents struct {
	mu    sync.Mutex
	used  *simplelru.LRU[digest, *document]
	bytes int
	most  int
}

func newDocuments(most int) *documents {
	d := &documents{most: most}
	// Entries are not counted. The only error is of a size below one.
	d.used, _ = simplelru.NewLRU(math.MaxInt, func(_ digest, gone *document) { d.bytes -= gone.bytes })
	return d
}

func (d *documents) get(key digest) *document {
	d.mu.Lock()
	defer d.mu.Unlock()
	doc, _ := d.used.Get(key)
	return doc
}

// add remembers a document, unless another request was faster.
func (d *documents) add(doc *document) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.used.Contains(doc.key) {
		return
	}
	d.used.Add(doc.key, doc)
	d.grow(doc.bytes)
}

// size is what a document takes.
func (d *documents) size(doc *document) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return doc.bytes
}

// charge adds to what a document takes.
func (d *documents) charge(doc *document, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if kept, ok := d.used.Peek(doc.key); ok && kept == doc {
		doc.bytes += bytes
		d.grow(bytes)
	}
}

// grow lets go of what was not used for the longest time, until the rest fits.
func (d *documents) grow(bytes int) {
	d.bytes += bytes
	for d.bytes > d.most {
		if _, _, any := d.used.RemoveOldest(); !any {
			return
		}
	}
}
