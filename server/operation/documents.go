package operation

import (
	"crypto/sha256"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/lru"
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
	bytes  int // that it takes in memory, about; written under the lock of documents, too
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
type documents = lru.Cache[digest, *document]

func newDocuments(most int) *documents {
	bytes := func(doc *document) int { return doc.bytes }
	return lru.New[digest](most, bytes, bytes)
}

// charge adds to what a document takes. It needs the document's mu.
func (d *document) charge(kept *documents, bytes int) {
	kept.Grow(d.key, func(known *document) int {
		if known != d { // which was forgotten, and another judged again
			return 0
		}
		d.bytes += bytes
		return bytes
	})
}

// size is what a document takes.
func (d *document) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes
}
