package transport

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// huge is where counts stop growing: fragments that spread fragments double
// them at every step, and twenty steps are more than enough to refuse.
const huge = 1 << 20

// shape is what a selection set amounts to when every fragment in it is
// written out.
type shape struct {
	roots  int // fields on its own level
	fields int // fields on all levels
	depth  int // selection sets within each other, itself included
	schema int // the same below __schema and __type
}

func (s *shape) add(o shape) {
	s.roots = min(s.roots+o.roots, huge)
	s.fields = min(s.fields+o.fields, huge)
	s.depth = max(s.depth, o.depth)
	s.schema = max(s.schema, o.schema)
}

// guard measures a document that nobody has validated yet. It visits each
// selection once, however often the fragment that holds it is spread, so it
// takes time in proportion to the text.
type guard struct {
	doc        *ast.QueryDocument
	fragments  map[string]shape
	aliases    int
	duplicates int // fields under a name that their selection set has already
	directives int
	literals   int
}

// check is one limit held against what was counted.
type check struct {
	limit   string
	have    int
	most    int
	message string
}

// first returns the first check that fails, or nil.
func first(checks ...check) *gqlerror.Error {
	for _, c := range checks {
		if c.have > c.most {
			return exceeded(c.limit, c.most, fmt.Sprintf(c.message, c.most))
		}
	}
	return nil
}

// inspect returns the first limit that a document passes, or nil. It also
// drops @defer, which is answered all at once.
func (l Limits) inspect(doc *ast.QueryDocument) *gqlerror.Error {
	err := first(
		check{"operations", len(doc.Operations), l.Operations, "A document may have at most %d operations."},
		check{"fragments", len(doc.Fragments), l.Fragments, "A document may have at most %d fragments."},
	)
	if err != nil {
		return err
	}
	g := &guard{doc: doc, fragments: make(map[string]shape, len(doc.Fragments))}
	for _, fragment := range doc.Fragments {
		g.fragment(fragment.Name)
		g.note(fragment.Directives)
	}
	for _, op := range doc.Operations {
		if err := l.operation(g, op); err != nil {
			return err
		}
	}
	return first(
		check{"aliases", g.aliases, l.Aliases, "A document may have at most %d aliases."},
		check{"duplicates", g.duplicates, l.Duplicates, "A document may ask for what it has asked for at most %d times."},
		check{"directives", g.directives, l.Directives, "A document may have at most %d directives."},
		check{"valueDepth", g.literals, l.ValueDepth, "A value may nest at most %d lists and objects."},
	)
}

// operation checks what is limited for each operation by itself.
func (l Limits) operation(g *guard, op *ast.OperationDefinition) *gqlerror.Error {
	g.note(op.Directives)
	for _, v := range op.VariableDefinitions {
		g.note(v.Directives)
		g.value(v.DefaultValue, 0)
	}
	s := g.selection(op.SelectionSet, map[string]bool{})
	roots := check{"rootFields", s.roots, l.RootFields, "An operation may have at most %d fields on its first level."}
	if op.Operation == ast.Mutation {
		// A second field could fail after the first was done for good.
		roots.most, roots.message = 1, "A mutation may have only %d field on its first level."
	}
	return first(
		check{"variables", len(op.VariableDefinitions), l.Variables, "An operation may have at most %d variables."},
		roots,
		check{"fields", s.fields, l.Fields, "An operation may have at most %d fields, fragments included."},
		check{"depth", s.depth, l.Depth, "An operation may nest at most %d selection sets."},
		check{"schemaDepth", s.schema, l.SchemaDepth, "Introspection may nest at most %d selection sets."},
	)
}

// selection measures a selection set. An inline fragment in it adds to the
// names that are taken.
func (g *guard) selection(set ast.SelectionSet, taken map[string]bool) (s shape) {
	if len(set) == 0 {
		return s
	}
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			s.add(g.field(selection, taken))
		case *ast.InlineFragment:
			selection.Directives = g.fragmentDirectives(selection.Directives)
			s.add(g.selection(selection.SelectionSet, taken))
		case *ast.FragmentSpread:
			selection.Directives = g.fragmentDirectives(selection.Directives)
			spread := g.fragment(selection.Name)
			// A named fragment stands for its fields: it is no level of its own.
			spread.depth = max(spread.depth-1, 0)
			s.add(spread)
		}
	}
	s.depth++
	return s
}

func (g *guard) field(f *ast.Field, taken map[string]bool) shape {
	if f.Alias != f.Name {
		g.aliases++
	}
	if taken[f.Alias] {
		g.duplicates++
	}
	taken[f.Alias] = true
	g.note(f.Directives)
	g.arguments(f.Arguments)
	below := g.selection(f.SelectionSet, map[string]bool{})
	s := shape{roots: 1, fields: below.fields + 1, depth: below.depth, schema: below.schema}
	if f.Name == "__schema" || f.Name == "__type" {
		s.depth, s.schema = 0, max(below.depth, below.schema)
	}
	return s
}

// fragment measures a fragment once. One that spreads itself counts nothing
// while it is being measured; validation refuses it.
func (g *guard) fragment(name string) shape {
	if s, known := g.fragments[name]; known {
		return s
	}
	g.fragments[name] = shape{}
	if def := g.doc.Fragments.ForName(name); def != nil {
		g.fragments[name] = g.selection(def.SelectionSet, map[string]bool{})
	}
	return g.fragments[name]
}

// fragmentDirectives counts directives and leaves out @defer: a plain answer
// has no place for the parts that would come later.
func (g *guard) fragmentDirectives(list ast.DirectiveList) ast.DirectiveList {
	g.note(list)
	var kept ast.DirectiveList
	for _, d := range list {
		if d.Name != "defer" {
			kept = append(kept, d)
		}
	}
	return kept
}

func (g *guard) note(list ast.DirectiveList) {
	g.directives += len(list)
	for _, d := range list {
		g.arguments(d.Arguments)
	}
}

func (g *guard) arguments(list ast.ArgumentList) {
	for _, a := range list {
		g.value(a.Value, 0)
	}
}

func (g *guard) value(v *ast.Value, depth int) {
	if v == nil || v.Kind != ast.ListValue && v.Kind != ast.ObjectValue {
		return
	}
	depth++
	g.literals = max(g.literals, depth)
	for _, child := range v.Children {
		g.value(child.Value, depth)
	}
}
