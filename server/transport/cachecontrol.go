package transport

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// freshness is for how many seconds a cache may keep a field's value: as the directive cacheControl of the field or of
// its type says, or else as long as the field above. The smallest value in an operation applies to its whole answer.
type freshness map[*ast.FieldDefinition]int

const cacheDirective = "cacheControl"

// newFreshness reads the hints of a schema.
func newFreshness(schema *ast.Schema) freshness {
	h := freshness{}
	for _, object := range schema.Types {
		for _, field := range object.Fields {
			if seconds, ok := hintOf(field.Directives); ok {
				h[field] = seconds
			} else if result := schema.Types[field.Type.Name()]; result != nil {
				if seconds, ok := hintOf(result.Directives); ok {
					h[field] = seconds
				}
			}
		}
	}
	return h
}

// hintOf returns the seconds of @cacheControl, if it is there.
func hintOf(list ast.DirectiveList) (seconds int, ok bool) {
	d := list.ForName(cacheDirective)
	if d == nil {
		return 0, false
	}
	v, err := d.Arguments.ForName("maxAge").Value.Value(nil)
	if n, whole := v.(int64); err == nil && whole {
		return int(n), true
	}
	return 0, false
}

// unchanging is how many seconds answers about the schema may be kept: about as long as a rolling upgrade takes.
const unchanging = 60

// of returns the smallest hint of an operation. A field of Query without a hint must not be kept.
func (f freshness) of(op *ast.OperationDefinition) int {
	smallest, seen := unchanging, map[*ast.FragmentDefinition]bool{}
	var look func(set ast.SelectionSet, root bool)
	look = func(set ast.SelectionSet, root bool) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				seconds, ok := f[s.Definition]
				// Below the root a field without a hint follows its parent, so only the root needs to decide.
				if introspective := strings.HasPrefix(s.Name, "__"); !ok && root && !introspective {
					seconds, ok = 0, true
				}
				if ok {
					smallest = min(smallest, seconds)
				}
				look(s.SelectionSet, false)
			case *ast.InlineFragment:
				look(s.SelectionSet, root)
			case *ast.FragmentSpread:
				if !seen[s.Definition] {
					seen[s.Definition] = true
					look(s.Definition.SelectionSet, root)
				}
			}
		}
	}
	look(op.SelectionSet, true)
	return smallest
}

// cacheable reports whether caches may keep an answer: if it is complete and the same for everybody. The body of a POST
// is no part of a cache's key, and an answer with errors may name the request that it was given to.
func (a *answer) cacheable(r *http.Request) bool {
	return r.Method != http.MethodPost && a.status == http.StatusOK && a.whole && len(r.Header["Authorization"]) == 0
}

// caching returns the Cache-Control of an answer that caches may keep.
func (a *answer) caching() string {
	if a.fresh == 0 {
		return "no-cache"
	}
	// No Age is sent: an answer from memory is known to be current, whenever it was computed.
	return "public, max-age=" + strconv.Itoa(a.fresh)
}
