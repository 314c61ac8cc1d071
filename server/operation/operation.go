package operation

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// Operation is ready to run: it is valid, its variables are coerced, and its cost is within the limit. It is never
// changed, so it may run any number of times.
type Operation struct {
	Text       string // of the document
	Name       string // empty if it has none
	Document   *ast.QueryDocument
	Definition *ast.OperationDefinition
	Variables  map[string]any
	Cost       int  // points
	Bytes      int  // of the request
	Timed      bool // the cost depends on the time

	doc *document
}

// Kind returns whether this is a query, a mutation or a subscription.
func (o *Operation) Kind() ast.Operation { return o.Definition.Operation }

// Size returns roughly how many bytes of memory the document takes.
func (o *Operation) Size() int { return o.doc.size() }

// Key is the same for operations that are equal.
type Key [sha256.Size]byte

// Key returns the key of the operation: operations with the same document, name and variables are equal.
func (o *Operation) Key() (key Key) {
	variables := sha256.New()
	values := json.NewEncoder(variables) // sorts by name
	values.SetEscapeHTML(false)          // a long text of < would be six times as long
	if err := values.Encode(o.Variables); err != nil {
		_, _ = rand.Read(key[:]) // a random key equals no other; Read never fails
		return key
	}
	// Each part is hashed by itself, lest the end of one be taken for the beginning of the next. The name is that of
	// the definition, which a request may leave out if there is only one.
	text, name := sha256.Sum256([]byte(o.Text)), sha256.Sum256([]byte(o.Definition.Name))
	return sha256.Sum256(slices.Concat(text[:], name[:], variables.Sum(nil)))
}

// SelectsOnly reports whether the operation selects nothing but what is named: by a type, such as Person, what is at
// the root, and leaf fields of it anywhere; by a type and a field, such as Person.friend, that field.
func (o *Operation) SelectsOnly(names []string) bool {
	return !slices.ContainsFunc(o.Definition.SelectionSet, func(root ast.Selection) bool {
		// A fragment at the root is not looked into: the operation is then simply not shared.
		field, ok := root.(*ast.Field)
		return !ok || !slices.Contains(names, field.Definition.Type.Name()) || !only(field.SelectionSet, names)
	})
}

// TextBytes returns how many bytes the selected fields may have that sizes names, such as Person.letter. One in a list
// counts once.
func (o *Operation) TextBytes(sizes map[string]int) int {
	return longTexts(o.Definition.SelectionSet, sizes)
}

func longTexts(set ast.SelectionSet, sizes map[string]int) (bytes int) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			bytes += sizes[s.ObjectDefinition.Name+"."+s.Name] + longTexts(s.SelectionSet, sizes)
		case *ast.InlineFragment:
			bytes += longTexts(s.SelectionSet, sizes)
		case *ast.FragmentSpread:
			bytes += longTexts(s.Definition.SelectionSet, sizes)
		}
	}
	return bytes
}

// only reports whether a selection has no field beyond those named, at any depth and whatever its conditions.
func only(set ast.SelectionSet, names []string) bool {
	return !slices.ContainsFunc(set, func(s ast.Selection) bool {
		switch s := s.(type) {
		case *ast.Field:
			return !named(s, names) || !only(s.SelectionSet, names)
		case *ast.InlineFragment:
			return !only(s.SelectionSet, names)
		case *ast.FragmentSpread:
			return !only(s.Definition.SelectionSet, names)
		}
		return true
	})
}

// named reports whether a field is named: by its type and name, or as a leaf by its type alone.
func named(field *ast.Field, names []string) bool {
	of := field.ObjectDefinition.Name
	leaf := len(field.SelectionSet) == 0
	return field.Name == "__typename" || leaf && slices.Contains(names, of) || slices.Contains(names, of+"."+field.Name)
}
