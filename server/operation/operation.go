package operation

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"

	"github.com/vektah/gqlparser/v2/ast"
)

// Operation may run: it is valid, its variables are coerced, and its cost is within the limit. Nobody changes it, so it
// can run again and again.
type Operation struct {
	Text       string // of the document
	Name       string // by which the request called it
	Document   *ast.QueryDocument
	Definition *ast.OperationDefinition
	Variables  map[string]any
	Cost       int  // points
	Timed      bool // the cost may be another by and by

	doc *document
}

// Kind returns whether this is a query, a mutation or a subscription.
func (o *Operation) Kind() ast.Operation { return o.Definition.Operation }

// Key is the same for operations that are equal.
type Key [sha256.Size]byte

// Key returns the key of the operation: operations with the same document, name and variables are equal.
func (o *Operation) Key() (key Key) {
	variables, err := json.Marshal(o.Variables) // sorts by name
	if err != nil {
		_, _ = rand.Read(key[:]) // equal to none; never fails
		return key
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(o.Text), []byte(o.Definition.Name), variables} {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	return Key(h.Sum(nil))
}
