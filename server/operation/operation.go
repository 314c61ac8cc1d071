package operation

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"slices"

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

// Size returns about how many bytes of memory the document takes.
func (o *Operation) Size() int { return o.doc.size() }

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

// SelectsLeavesOf reports whether all root fields are of one of these types, and nothing but leaves is selected of
// them.
func (o *Operation) SelectsLeavesOf(types []string) bool {
	return !slices.ContainsFunc(o.Definition.SelectionSet, func(root ast.Selection) bool {
		field, ok := root.(*ast.Field)
		return !ok || !slices.Contains(types, field.Definition.Type.Name()) || !leaves(field.SelectionSet)
	})
}

func leaves(set ast.SelectionSet) bool {
	return !slices.ContainsFunc(set, func(s ast.Selection) bool {
		switch s := s.(type) {
		case *ast.Field:
			return len(s.SelectionSet) > 0
		case *ast.InlineFragment:
			return !leaves(s.SelectionSet)
		case *ast.FragmentSpread:
			return !leaves(s.Definition.SelectionSet)
		}
		return true
	})
}
