package operation

import (
	"encoding/json"

	"github.com/vektah/gqlparser/v2/ast"
)

// What an open subscription takes in memory at most, as measured, apart from its document.
const (
	openBytes  = 26 << 10 // its goroutines, its contexts and its place among those who watch
	givenBytes = 1 << 10  // for a value that its fields are given, since one may be what is watched, such as an id
	fieldBytes = 120      // for a token of the document, since the runtime remembers which fields it selects
)

// Retained returns how many bytes of memory a subscription takes at most while it is open, apart from its document.
func (o *Operation) Retained() int {
	return openBytes + weigh(o.Variables) + givenBytes*o.given(o.Definition.SelectionSet)
}

// given returns how many values the fields of a selection are given.
func (o *Operation) given(set ast.SelectionSet) (n int) {
	for _, selected := range set {
		switch s := selected.(type) {
		case *ast.Field:
			n += values(s.ArgumentMap(o.Variables))
		case *ast.InlineFragment:
			n += o.given(s.SelectionSet)
		case *ast.FragmentSpread:
			n += o.given(s.Definition.SelectionSet)
		}
	}
	return n
}

// Shared returns how many bytes of memory the document takes at most, which all subscriptions with it share.
func (o *Operation) Shared() int { return o.Size() + o.doc.tokens*fieldBytes }

// weigh returns how many bytes of memory a coerced value takes at most.
func weigh(value any) (bytes int) {
	const header = 32 // of an interface with what it points to
	switch v := value.(type) {
	case string:
		return header + len(v)
	case json.Number:
		return header + len(v)
	case map[string]any:
		for name, item := range v {
			bytes += 2*header + len(name) + weigh(item)
		}
	case []any:
		for _, item := range v {
			bytes += weigh(item)
		}
	}
	return header + bytes
}

// values returns how many single values there are in a value.
func values(value any) (n int) {
	switch v := value.(type) {
	case map[string]any:
		for _, item := range v {
			n += values(item)
		}
	case []any:
		for _, item := range v {
			n += values(item)
		}
	default:
		n = 1
	}
	return n
}
