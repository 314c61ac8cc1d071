package operation

import (
	"crypto/sha256"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"

	"petitiond/server/lru"
)

// digest is the hash of a document's text.
type digest [sha256.Size]byte

// document is a parsed and validated document. It is read concurrently, and the parsed document is never changed.
type document struct {
	*ast.QueryDocument
	key        digest
	text       string
	tokens     int
	conditions map[*ast.OperationDefinition][]string // the variables that @skip and @include depend on

	mu     sync.Mutex
	prices map[*ast.OperationDefinition]price
	bytes  int // rough size in memory; written under the lock of documents, too
}

// What the parts of a document take in memory at most, as measured; usually it is half as much.
const (
	textBytes  = 2 // for a byte of the text: strings with escapes are stored a second time
	tokenBytes = 240
	billBytes  = 400 // for a field whose cost depends on variables
	entryBytes = 2 << 10
)

// documents caches the documents that were used last, within a bound on memory: clients may send any number of
// documents that are used once.
type documents = lru.Cache[digest, *document]

// newDocuments returns a cache of at most so many bytes.
func newDocuments(most int) *documents {
	bytes := func(doc *document) int { return doc.bytes }
	return lru.New[digest](most, bytes, bytes)
}

// charge adds to the size of a document. It needs the document's mu.
func (d *document) charge(kept *documents, bytes int) {
	kept.Grow(d.key, func(known *document) int {
		if known != d { // d was evicted, and the same text was parsed again
			return 0
		}
		d.bytes += bytes
		return bytes
	})
}

// size returns roughly how many bytes of memory a document takes.
func (d *document) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes
}
