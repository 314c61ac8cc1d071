package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
)

// biller writes the price of an operation.
type biller struct {
	*tariff
	left  int  // fields that may still be looked at
	bills int  // that were written
	timed bool // one of them is measured
}

// sized is the field around those that are looked at, where it says how long
// they are.
type sized struct {
	fields []string
	items  int
	open   bool // items hangs on variables
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

// object prices what is selected of an object of one type, without the object: those fields that which picks.
func (b *biller) object(
	sets []ast.SelectionSet, typ *ast.Definition, around sized, which func(*ast.FieldDefinition) bool,
) (p price, err *gqlerror.Error) {
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

// field prices the fields of one name in an object, which answers them as one.
func (b *biller) field(group []*ast.Field, def *ast.FieldDefinition, parent *ast.Definition, around sized) (*bill, *gqlerror.Error) {
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

// count finds out how many objects a field has.
func (b *biller) count(open *bill, def *ast.FieldDefinition, parent *ast.Definition, around, inside sized) {
	size := b.fields[def].size
	switch {
	case def.Type.Elem == nil, open.own:
	case size != nil && len(size.sized) == 0:
		open.items = inside.items
	case slices.Contains(around.fields, def.Name):
		open.items, open.around = around.items, around.open
	case !strings.HasPrefix(parent.Name, "__"): // lists of the schema itself are read from memory
		open.items = defaultItems
	}
}

// objects prices what is selected of the objects of a field, for each type that they may be of. Of a list with a page
// around it, what belongs to the page is priced apart: it is there once.
func (b *biller) objects(open *bill, group []*ast.Field, typ *ast.Definition, inside sized) *gqlerror.Error {
	page := open.list && len(inside.fields) > 0
	listed := func(def *ast.FieldDefinition) bool { return !page || slices.Contains(inside.fields, def.Name) }
	for _, object := range b.schema.PossibleTypes[typ.Name] {
		p, err := b.object(below(group), object, inside, listed)
		if err != nil {
			return err
		}
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

// size finds out what a field says about the length of lists: its own, or that
// of fields inside, which it returns.
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

// settled tells whether a bill is the same with all variables.
func (b *bill) settled() bool {
	open := func(p price) bool { return len(p.open) > 0 }
	return len(b.charges) == 0 && b.slice == nil && !b.around && !slices.ContainsFunc(b.objects, open) && !slices.ContainsFunc(b.beside, open)
}

// varies tells whether a value hangs on variables.
func varies(v *ast.Value) bool {
	return v.Kind == ast.Variable ||
		slices.ContainsFunc(v.Children, func(child *ast.ChildValue) bool { return varies(child.Value) })
}
