package operation

import (
	"fmt"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
)

// maxCount is where counts stop growing: fragments that spread other fragments can double them at every step, and would
// make them overflow.
const maxCount = 1 << 20

// shape is the size of a selection set with every fragment expanded.
type shape struct {
	roots  int // fields of the schema on its own level
	fields int // fields on all levels
	depth  int // selection sets within each other, itself included
	schema int // the same below __schema and __type
}

// add adds a shape at the same level: counts are added, and of depths the greater one counts.
func (s *shape) add(o shape) {
	s.roots = min(s.roots+o.roots, maxCount)
	s.fields = min(s.fields+o.fields, maxCount)
	s.depth = max(s.depth, o.depth)
	s.schema = max(s.schema, o.schema)
}

// piece is an operation or a fragment by itself, without the fragments that are spread in it.
type piece struct {
	nodes      int             // selections, directives, values and variables
	spreads    map[string]bool // the fragments that it names
	conditions []string        // the variables that its @skip and @include depend on
}

// survey is what the guard has learned about a document within the limits.
type survey struct {
	work       int                                   // its nodes, each counted as often as validation visits it
	longest    int                                   // bytes of its longest name
	uses       []*ast.Value                          // where variables are used
	conditions map[*ast.OperationDefinition][]string // the variables that @skip and @include depend on
}

// guard measures a document before it is validated. It visits each selection once, however often its fragment is
// spread, so it takes time linear in the length of the text. Its recursion is as deep as the text nests, which the
// limit of tokens bounds.
type guard struct {
	survey
	doc        *ast.QueryDocument
	fragments  map[string]shape
	pieces     map[string]*piece
	piece      *piece // what is being measured
	aliases    int
	directives int
	literals   int
	number     *ast.Position // of a number that no type can hold
}

// check is a limit and the count to compare with it.
type check struct {
	limit   string
	have    int
	most    int
	message string
}

// exceeds returns the first check that fails, or nil.
func exceeds(checks ...check) *gqlerror.Error {
	for _, c := range checks {
		if c.have > c.most {
			return Exceeded(c.limit, c.most, fmt.Sprintf(c.message, c.most))
		}
	}
	return nil
}

// inspect returns an error for the first limit that a document exceeds, or what was learned about it.
func (l Limits) inspect(doc *ast.QueryDocument) (survey, *gqlerror.Error) {
	err := exceeds(
		check{"operations", len(doc.Operations), l.Operations, "A document may have at most %d operations."},
		check{"fragments", len(doc.Fragments), l.Fragments, "A document may have at most %d fragments."},
	)
	if err != nil {
		return survey{}, err
	}
	// Counting them first keeps everything below from being done for a document that is refused anyway.
	g := newGuard(doc)
	// Also those that no operation spreads: validation walks through them as well.
	for _, fragment := range doc.Fragments {
		g.definition(fragment)
	}
	for _, op := range doc.Operations {
		if err := l.operation(g, op); err != nil {
			return survey{}, err
		}
	}
	return g.survey, l.total(g)
}

// newGuard returns a guard that has measured nothing yet.
func newGuard(doc *ast.QueryDocument) *guard {
	return &guard{
		survey:    survey{conditions: make(map[*ast.OperationDefinition][]string, len(doc.Operations))},
		doc:       doc,
		fragments: make(map[string]shape, len(doc.Fragments)),
		pieces:    make(map[string]*piece, len(doc.Fragments)),
	}
}

// total checks what is limited for a document as a whole.
func (l Limits) total(g *guard) *gqlerror.Error {
	err := exceeds(
		check{"aliases", g.aliases, l.Aliases, "A document may have at most %d aliases."},
		check{"directives", g.directives, l.Directives, "A document may have at most %d directives."},
		check{"valueDepth", g.literals, l.ValueDepth, "A value or its type may nest at most %d lists and objects."},
		check{"work", g.work, l.Work, "Validating a document may take at most %d steps. Send its operations one by one."},
	)
	if err == nil && g.number != nil {
		// Validation does not look into values of custom scalars, and reading them later is too late for a good error.
		err = located(Coded(errcode.ValidationFailed, "A number is out of range."), g.number)
	}
	return err
}

// definition measures a fragment, even a second one of the same name: validation refuses it, but only after walking
// through it.
func (g *guard) definition(def *ast.FragmentDefinition) {
	g.fragment(def.Name)
	p := g.pieces[def.Name]
	if g.doc.Fragments.ForName(def.Name) != def {
		p = g.within(func() { g.body(def) })
	}
	g.work = min(g.work+g.reach(p, nil), maxCount)
}

// operation checks what is limited for each operation by itself.
func (l Limits) operation(g *guard, op *ast.OperationDefinition) *gqlerror.Error {
	var s shape
	p := g.within(func() {
		g.note(op.Directives)
		for _, v := range op.VariableDefinitions {
			g.piece.nodes++
			g.note(v.Directives)
			g.value(v.DefaultValue, 0)
			g.literals = max(g.literals, lists(v.Type))
		}
		s = g.selection(op.SelectionSet)
	})
	g.work = min(g.work+g.reach(p, op), maxCount)
	roots := check{"rootFields", s.roots, l.RootFields, "An operation may have at most %d fields on its first level."}
	if op.Operation == ast.Mutation {
		// A second field could fail after the first was committed.
		roots.most, roots.message = 1, "A mutation may have only %d field on its first level."
	}
	return exceeds(
		check{"variables", len(op.VariableDefinitions), l.Variables, "An operation may have at most %d variables."},
		roots,
		check{"fields", s.fields, l.Fields, "An operation may have at most %d fields, fragments included."},
		check{"depth", s.depth, l.Depth, "An operation may nest at most %d selection sets."},
		check{"schemaDepth", s.schema, l.SchemaDepth, "Introspection may nest at most %d selection sets."},
	)
}

// lists returns how many lists a type nests.
func lists(typ *ast.Type) (n int) {
	for ; typ.Elem != nil; typ = typ.Elem {
		n++
	}
	return n
}

// within measures a piece of the document separately from the enclosing one.
func (g *guard) within(measure func()) *piece {
	// A stack by hand: fragments are measured where they are first named, in the middle of something else.
	p, around := &piece{}, g.piece
	g.piece = p
	measure()
	g.piece = around
	return p
}

// reach counts the nodes that validation visits for a piece: its own, and once those of every fragment that it spreads,
// directly or indirectly. For an operation it also records the variables on which its @skip and @include depend.
func (g *guard) reach(p *piece, op *ast.OperationDefinition) (nodes int) {
	// For each piece by itself, as validation does.
	seen := map[string]bool{}
	var visit func(p *piece)
	visit = func(p *piece) {
		nodes += p.nodes
		if op != nil && p.conditions != nil {
			// Only for operations: a fragment has no variables of its own, and its conditions are checked with those of
			// each operation that reaches it.
			g.conditions[op] = append(g.conditions[op], p.conditions...)
		}
		for name := range p.spreads {
			if next := g.pieces[name]; next != nil && !seen[name] {
				seen[name] = true
				visit(next)
			}
		}
	}
	visit(p)
	return nodes
}

// selection measures a selection set.
func (g *guard) selection(set ast.SelectionSet) (s shape) {
	if len(set) == 0 {
		return s
	}
	g.piece.nodes += len(set)
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			s.add(g.field(selection))
		case *ast.InlineFragment:
			g.name(selection.TypeCondition)
			g.note(selection.Directives)
			s.add(g.selection(selection.SelectionSet))
		case *ast.FragmentSpread:
			g.note(selection.Directives)
			s.add(g.spread(selection.Name))
		}
	}
	s.depth++
	return s
}

// field measures a field with what is below it. Introspection has a depth limit of its own, since tools send deep
// queries.
func (g *guard) field(f *ast.Field) shape {
	if f.Alias != f.Name {
		g.aliases++
	}
	g.name(f.Name)
	g.note(f.Directives)
	g.arguments(f.Arguments)
	below := g.selection(f.SelectionSet)
	s := shape{roots: 1, fields: min(below.fields+1, maxCount), depth: below.depth, schema: below.schema}
	switch f.Name {
	case "__typename":
		s.roots = 0 // it does nothing, and some clients write it into every operation
	case "__schema", "__type":
		// What was counted as depth below is moved: only one of the two limits applies to introspection.
		s.depth, s.schema = 0, max(below.depth, below.schema)
	}
	return s
}

// spread measures a fragment where it is named.
func (g *guard) spread(name string) shape {
	if g.piece.spreads == nil {
		g.piece.spreads = map[string]bool{}
	}
	g.piece.spreads[name] = true
	s := g.fragment(name)
	// A named fragment stands for its fields and is not a level of its own.
	s.depth = max(s.depth-1, 0)
	return s
}

// fragment measures a fragment once. One that spreads itself counts nothing while it is being measured; validation
// refuses it.
func (g *guard) fragment(name string) shape {
	if s, known := g.fragments[name]; known {
		return s
	}
	// Before it is measured, so that a fragment that spreads itself ends here.
	g.fragments[name] = shape{}
	if def := g.doc.Fragments.ForName(name); def != nil {
		g.pieces[name] = g.within(func() { g.fragments[name] = g.body(def) })
	}
	return g.fragments[name]
}

// body measures the contents of a fragment.
func (g *guard) body(def *ast.FragmentDefinition) shape {
	g.name(def.TypeCondition)
	g.note(def.Directives)
	return g.selection(def.SelectionSet)
}

// note counts directives, and records the variables on which @skip and @include depend.
func (g *guard) note(list ast.DirectiveList) {
	g.directives += len(list)
	g.piece.nodes += len(list)
	for _, d := range list {
		g.arguments(d.Arguments)
		if d.Name != "skip" && d.Name != "include" {
			continue
		}
		if a := d.Arguments.ForName("if"); a != nil && a.Value.Kind == ast.Variable {
			g.piece.conditions = append(g.piece.conditions, a.Value.Raw)
		}
	}
}

// arguments measures the values of arguments.
func (g *guard) arguments(list ast.ArgumentList) {
	for _, a := range list {
		g.name(a.Name)
		g.value(a.Value, 0)
	}
}

// value measures a literal. It checks that numbers fit a Go type: later code does not expect one that does not.
func (g *guard) value(v *ast.Value, depth int) {
	if v == nil {
		return
	}
	g.piece.nodes++
	switch v.Kind {
	case ast.Variable:
		g.uses = append(g.uses, v)
	case ast.EnumValue:
		g.name(v.Raw)
	case ast.IntValue:
		_, err := strconv.ParseInt(v.Raw, 10, 64)
		g.numeral(v, err)
	case ast.FloatValue:
		_, err := strconv.ParseFloat(v.Raw, 64)
		g.numeral(v, err)
	case ast.ListValue, ast.ObjectValue:
		depth++
		g.literals = max(g.literals, depth)
		for _, child := range v.Children {
			g.name(child.Name)
			g.value(child.Value, depth)
		}
	}
}

// numeral records the first number that is out of range.
func (g *guard) numeral(v *ast.Value, err error) {
	if err != nil && g.number == nil {
		g.number = v.Position
	}
}

// name records the length of the longest name: suggesting similar names takes time in proportion to it.
func (g *guard) name(name string) { g.longest = max(g.longest, len(name)) }
