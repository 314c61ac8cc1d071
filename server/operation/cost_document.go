package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
)

// biller computes the price of an operation.
type biller struct {
	*tariff
	left  int  // fields that may still be visited
	bills int  // open bills that were made
	timed bool // a size depends on the time
}

// sized is what the enclosing field says about the length of the lists inside it.
type sized struct {
	fields []string
	items  int
	open   bool // items depends on variables
}

// bill returns the price of an operation in a valid document.
func (t *tariff) bill(op *ast.OperationDefinition, limits Limits) (price, int, *gqlerror.Error) {
	root := t.schema.Query
	switch op.Operation {
	case ast.Mutation:
		root = t.schema.Mutation
	case ast.Subscription:
		root = t.schema.Subscription
	}
	b := &biller{tariff: t, left: maxRevisits * limits.Fields}
	p, err := b.object([]ast.SelectionSet{op.SelectionSet}, root, sized{}, everything)
	if err == nil && b.left < 0 {
		err = tangled(limits)
	}
	p.timed = b.timed
	return p, b.bills, err
}

func everything(*ast.FieldDefinition) bool { return true }

// object prices the selected fields of an object of one type, as far as which picks them. The object itself is not
// included.
func (b *biller) object(
	sets []ast.SelectionSet, typ *ast.Definition, around sized, which func(*ast.FieldDefinition) bool,
) (p price, err *gqlerror.Error) {
	// Given up: bill refuses the whole operation, so what is returned here does not matter.
	if b.left < 0 {
		return p, nil
	}
	applies := func(condition string) bool {
		return condition == "" || slices.Contains(b.schema.PossibleTypes[condition], typ)
	}
	for _, group := range collect(sets, applies) {
		def := typ.Fields.ForName(group[0].Name)
		if def != nil && !which(def) {
			continue
		}
		b.left -= len(group)
		if def == nil { // __typename
			continue
		}
		open, err := b.field(group, def, typ, around)
		switch {
		case err != nil:
			return p, err
		case open.settled():
			p.known = plus(p.known, open.points(b.tariff, nil, 0))
		default:
			b.bills++
			p.open = append(p.open, open)
		}
	}
	return p, nil
}

// field prices all selections of one response name in an object, which are executed as one field.
func (b *biller) field(group []*ast.Field, def *ast.FieldDefinition, parent *ast.Definition, around sized) (*bill, *gqlerror.Error) {
	// The first stands for all: overlaps has found that they have the same name and arguments.
	field := group[0]
	open := &bill{once: b.fields[def].once, items: 1}
	b.charge(open, field, def)
	inside, err := b.size(open, field, def)
	if err != nil {
		return nil, err
	}
	b.count(open, def, parent, around, inside)
	typ := b.schema.Types[def.Type.Name()]
	if typ.IsLeafType() {
		open.objects = []price{{known: b.types[typ.Name]}}
		return open, nil
	}
	return open, b.objects(open, group, typ, inside)
}

// count determines how many objects a field has.
func (b *biller) count(open *bill, def *ast.FieldDefinition, parent *ast.Definition, around, inside sized) {
	size := b.fields[def].size
	switch {
	case def.Type.Elem == nil, open.own:
	case size != nil && len(size.sized) == 0:
		open.items = inside.items
	case slices.Contains(around.fields, def.Name):
		open.items, open.around = around.items, around.open
	case !strings.HasPrefix(parent.Name, "__"): // lists in introspection cost nothing to read
		open.items = defaultItems
	}
}

// objects prices what is selected of the objects of a field, for each type that they may have. If the field is a
// connection, the fields beside its list, such as pageInfo, are priced separately, since they exist once.
func (b *biller) objects(open *bill, group []*ast.Field, typ *ast.Definition, inside sized) *gqlerror.Error {
	page := open.list && len(inside.fields) > 0
	listed := func(def *ast.FieldDefinition) bool { return !page || slices.Contains(inside.fields, def.Name) }
	// A price for each type and not a maximum yet: which is the dearest may depend on the variables.
	for _, object := range b.schema.PossibleTypes[typ.Name] {
		p, err := b.object(below(group), object, inside, listed)
		if err != nil {
			return err
		}
		// The weight of the object itself belongs to each item, and not to the fields beside the list.
		p.known = plus(p.known, b.types[object.Name])
		open.objects = append(open.objects, p)
		if !page {
			continue
		}
		beside, err := b.object(below(group), object, inside, func(def *ast.FieldDefinition) bool { return !listed(def) })
		if err != nil {
			return err
		}
		open.beside = append(open.beside, beside)
	}
	return nil
}

// charge adds the weights of the arguments that a field has.
func (b *biller) charge(open *bill, field *ast.Field, def *ast.FieldDefinition) {
	for _, argument := range field.Arguments {
		// An argument that is left out costs nothing, even one with a default.
		c := charge{weight: b.fields[def].arguments[argument.Name], value: argument.Value}
		if typ := def.Arguments.ForName(argument.Name).Type; b.inputs[typ.Name()] {
			c.typ = typ
		}
		switch {
		case c.weight == 0 && c.typ == nil:
		case varies(argument.Value):
			open.charges = append(open.charges, c)
		default:
			open.once = plus(open.once, c.points(b.tariff, nil))
		}
	}
}

// size determines what a field says about the length of lists: of its own list, or of those inside it, which are
// returned.
func (b *biller) size(open *bill, field *ast.Field, def *ast.FieldDefinition) (inside sized, err *gqlerror.Error) {
	size := b.fields[def].size
	if size == nil {
		return inside, nil
	}
	s := &slice{
		size: size, arguments: field.Arguments, definitions: def.Arguments, page: b.page, measure: b.fields[def].measure,
	}
	b.timed = b.timed || s.measure != nil
	if !s.settles() {
		return inside, located(Coded(errcode.ValidationFailed, shortened(fmt.Sprintf(
			"Field %q needs exactly one of the arguments that say how long its list is.", def.Name))), field.Position)
	}
	inside = sized{fields: size.sized, open: s.varies()}
	if inside.open {
		open.slice, open.own = s, def.Type.Elem != nil && len(size.sized) == 0
	} else {
		inside.items = s.items(nil)
	}
	open.list, open.length = len(size.slicing) > 0, inside.items
	return inside, nil
}

// settled reports whether a bill is the same for all variables.
func (b *bill) settled() bool {
	// With around, the number of objects is that which the enclosing field was asked for, in a variable.
	open := func(p price) bool { return len(p.open) > 0 }
	return len(b.charges) == 0 && b.slice == nil && !b.around && !slices.ContainsFunc(b.objects, open) && !slices.ContainsFunc(b.beside, open)
}

// varies reports whether a value depends on variables.
func varies(v *ast.Value) bool {
	return v.Kind == ast.Variable ||
		slices.ContainsFunc(v.Children, func(child *ast.ChildValue) bool { return varies(child.Value) })
}
