package operation

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
)

// maxRevisits bounds how many fields are visited for an operation, as a multiple of the limit of fields: fields are
// visited again for each object type that an interface or union may have.
const maxRevisits = 8

// overlaps implements the rule OverlappingFieldsCanBeMerged: it returns errors for the first fields of a valid document
// that have the same response name and cannot be merged. Comparing every pair of fields would take quadratic time or
// worse. Instead it collects all fields of one name, compares each with the first, and continues with the selection
// sets of all of them as one, which visits each occurrence of a field once.
func (j *Judge) overlaps(doc *ast.QueryDocument) gqlerror.List {
	o := &overlap{schema: j.schema, most: j.limits.Errors, told: map[*ast.Field]bool{}}
	for _, op := range doc.Operations {
		for _, compare := range []func([]ast.SelectionSet){o.meanings, o.shapes} {
			// For each comparison by itself: they visit different fields.
			o.left = maxRevisits * j.limits.Fields
			compare([]ast.SelectionSet{op.SelectionSet})
			if o.left < 0 {
				return gqlerror.List{tangled(j.limits)}
			}
		}
	}
	return o.errs
}

// tangled refuses an operation whose fields would have to be visited too often.
func tangled(l Limits) *gqlerror.Error {
	return Exceeded("fields", l.Fields, fmt.Sprintf("An operation may have at most %d fields, counted for each type that they may be of.", l.Fields))
}

// overlap is one look for fields of a document that cannot be merged.
type overlap struct {
	schema *ast.Schema
	left   int // fields that may still be visited
	most   int // errors to report
	told   map[*ast.Field]bool
	errs   gqlerror.List
}

// meanings compares names and arguments of the fields with one response name, among those that the same object can
// have.
func (o *overlap) meanings(sets []ast.SelectionSet) {
	for _, group := range o.collect(sets) {
		for _, same := range byParent(group) {
			// Being the same is transitive, so comparing all with the first compares all with each other.
			for _, field := range same[1:] {
				switch other := same[0]; {
				case field.Name != other.Name:
					o.report(field, fmt.Sprintf("%q and %q are different fields", other.Name, field.Name))
				case !sameArguments(other.Arguments, field.Arguments):
					o.report(field, "they have differing arguments")
				}
			}
			o.meanings(below(same))
		}
	}
}

// shapes compares the types of all fields with one response name, whichever object they belong to: a client reads them
// from the same place in the answer.
func (o *overlap) shapes(sets []ast.SelectionSet) {
	for _, group := range o.collect(sets) {
		for _, field := range group[1:] {
			if a, b := group[0].Definition.Type, field.Definition.Type; !o.sameShape(a, b) {
				o.report(field, fmt.Sprintf("they return conflicting types %q and %q", a, b))
			}
		}
		o.shapes(below(group))
	}
}

// sameShape is SameResponseShape of the specification: it reports whether a client can read both types from the same
// place.
func (o *overlap) sameShape(a, b *ast.Type) bool {
	for ; a.Elem != nil && b.Elem != nil; a, b = a.Elem, b.Elem {
		if a.NonNull != b.NonNull {
			return false
		}
	}
	if a.NonNull != b.NonNull || a.Elem != nil || b.Elem != nil {
		return false
	}
	return a.NamedType == b.NamedType || o.schema.Types[a.NamedType].IsCompositeType() && o.schema.Types[b.NamedType].IsCompositeType()
}

// collect returns the fields of selection sets, with all fragments expanded, grouped by response name in the order of
// first occurrence.
func (o *overlap) collect(sets []ast.SelectionSet) (groups [][]*ast.Field) {
	// Nothing more to learn: the document is refused already.
	if o.left < 0 || len(o.errs) >= o.most {
		return nil
	}
	groups = collect(sets, nil)
	for _, group := range groups {
		o.left -= len(group)
	}
	return groups
}

// report reports a field once, however many others it conflicts with.
func (o *overlap) report(field *ast.Field, because string) {
	if o.told[field] || len(o.errs) >= o.most {
		return
	}
	o.told[field] = true
	o.errs = append(o.errs, located(Coded(errcode.ValidationFailed, shortened(fmt.Sprintf(
		"Fields %q conflict because %s. Use different aliases on the fields to fetch both if this was intentional.", field.Alias, because,
	))), field.Position))
}

// level gathers the fields of one level by their response names.
type level struct {
	applies func(condition string) bool // whether a fragment applies to the object; nil if all do
	groups  [][]*ast.Field
	places  map[string]int
	seen    map[string]bool // fragments that were expanded: once is enough
}

// collect returns the fields of selection sets that are merged into one, grouped by response name in the order of first
// occurrence.
func collect(sets []ast.SelectionSet, applies func(condition string) bool) [][]*ast.Field {
	c := &level{applies: applies, places: map[string]int{}, seen: map[string]bool{}}
	for _, set := range sets {
		c.add(set)
	}
	return c.groups
}

// add gathers the fields of a selection set, with fragments expanded.
func (c *level) add(set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			i, known := c.places[selection.Alias]
			if !known {
				i = len(c.groups)
				c.places[selection.Alias] = i
				c.groups = append(c.groups, nil)
			}
			c.groups[i] = append(c.groups[i], selection)
		case *ast.InlineFragment:
			if c.applies == nil || c.applies(selection.TypeCondition) {
				c.add(selection.SelectionSet)
			}
		case *ast.FragmentSpread:
			def := selection.Definition
			if !c.seen[def.Name] && (c.applies == nil || c.applies(def.TypeCondition)) {
				c.seen[def.Name] = true
				c.add(def.SelectionSet)
			}
		}
	}
}

// below returns the selection sets of the fields of a group, to be merged into one.
func below(group []*ast.Field) (sets []ast.SelectionSet) {
	for _, field := range group {
		if len(field.SelectionSet) > 0 {
			sets = append(sets, field.SelectionSet)
		}
	}
	return sets
}

// byParent splits a group by object type, into fields that the same object can have. Fields selected on an interface or
// union can belong to any type.
func byParent(group []*ast.Field) (sets [][]*ast.Field) {
	var parents []*ast.Definition
	for _, field := range group {
		if p := field.ObjectDefinition; p.Kind == ast.Object && !slices.Contains(parents, p) {
			parents = append(parents, p)
		}
	}
	// The usual case: all of them can belong to the same object.
	if len(parents) < 2 {
		return [][]*ast.Field{group}
	}
	for _, p := range parents {
		var set []*ast.Field
		for _, field := range group {
			if of := field.ObjectDefinition; of == p || of.Kind != ast.Object {
				set = append(set, field)
			}
		}
		// A field of an interface is in several sets: it may belong to any of these objects.
		sets = append(sets, set)
	}
	return sets
}

// sameArguments reports whether arguments are equal, in any order.
func sameArguments(a, b ast.ArgumentList) bool {
	if len(a) != len(b) {
		return false
	}
	for _, one := range a {
		if other := b.ForName(one.Name); other == nil || !sameValue(one.Value, other.Value) {
			return false
		}
	}
	return true
}

// sameValue reports whether two literals are equal. The fields of an object may be in any order.
func sameValue(a, b *ast.Value) bool {
	if a.Kind != b.Kind || a.Raw != b.Raw || len(a.Children) != len(b.Children) {
		return false
	}
	for i, child := range a.Children {
		other := b.Children[i].Value
		if a.Kind == ast.ObjectValue {
			other = b.Children.ForName(child.Name)
		}
		if other == nil || !sameValue(child.Value, other) {
			return false
		}
	}
	return true
}
