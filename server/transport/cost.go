package transport

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// points is a cost in thousandths of a point, so that sums of decimal weights
// are exact. It is never negative.
type points int64

const (
	point points = 1000
	// dearest is where costs stop growing. Two of them can still be added.
	dearest points = 1 << 60
	// unsaid is how many items a list counts for that nothing sizes.
	unsaid = 10
)

func plus(a, b points) points { return min(a+b, dearest) }

func times(n int, each points) points {
	if n > 0 && each > dearest/points(n) {
		return dearest
	}
	return points(n) * each
}

// whole rounds up.
func (p points) whole() int { return int((p + point - 1) / point) }

// tariff is what @cost and @listSize of a schema say, which are those of IBM's
// specification of cost directives.
type tariff struct {
	schema *ast.Schema
	fields map[*ast.FieldDefinition]*fare
	types  map[string]points // of one object or leaf
	inputs map[string]bool   // the input types with weights inside
	page   int               // items that a slicing argument may ask for
}

// fare is what a field of the schema costs, or an argument, where it stands.
type fare struct {
	once      points
	arguments map[string]points
	size      *listSize
	measure   func(arguments map[string]any) int // see Options.Sizes
}

type listSize struct {
	assumed int
	slicing [][]string // arguments, with the path inside where they are objects
	sized   []string
	one     bool // exactly one of the arguments must be given
}

// newTariff reads the directives of a schema. One that makes no sense is a
// mistake of the program, which then does not start.
func newTariff(schema *ast.Schema, page int, sizes map[string]func(map[string]any) int) *tariff {
	t := &tariff{
		schema: schema,
		fields: map[*ast.FieldDefinition]*fare{},
		types:  map[string]points{},
		inputs: map[string]bool{},
		page:   page,
	}
	for name, def := range schema.Types {
		t.types[name] = 0
		if def.Kind == ast.Object {
			t.types[name] = point
		}
		if own, ok := weight(def.Directives); ok {
			t.types[name] = own
		}
		for _, field := range def.Fields {
			t.fields[field] = newFare(field)
			t.fields[field].measure = sizes[name+"."+field.Name]
		}
	}
	for name := range schema.Types {
		t.inputs[name] = t.weighs(name, map[string]bool{})
	}
	return t
}

func newFare(field *ast.FieldDefinition) *fare {
	f := &fare{size: newListSize(field.Directives.ForName("listSize"))}
	f.once, _ = weight(field.Directives)
	for _, argument := range field.Arguments {
		if own, ok := weight(argument.Directives); ok {
			if f.arguments == nil {
				f.arguments = map[string]points{}
			}
			f.arguments[argument.Name] = own
		}
	}
	return f
}

// weight returns the points of a @cost, rounded up to thousandths.
func weight(list ast.DirectiveList) (own points, ok bool) {
	cost := list.ForName("cost")
	if cost == nil {
		return 0, false
	}
	text := cost.Arguments.ForName("weight").Value.Raw
	decimal, ok := new(big.Rat).SetString(text)
	if !ok || decimal.Sign() < 0 || decimal.Cmp(big.NewRat(int64(dearest/point), 1)) > 0 {
		panic(fmt.Sprintf("@cost(weight: %q) is no weight", text))
	}
	decimal.Mul(decimal, big.NewRat(int64(point), 1))
	whole, rest := new(big.Int).QuoRem(decimal.Num(), decimal.Denom(), new(big.Int))
	return points(whole.Int64() + int64(rest.Sign())), true
}

func newListSize(d *ast.Directive) *listSize {
	if d == nil {
		return nil
	}
	said := d.ArgumentMap(nil)
	if d.Definition == nil { // a schema that was only parsed
		said = map[string]any{}
	}
	s := &listSize{sized: texts(said["sizedFields"])}
	if assumed, ok := said["assumedSize"].(int64); ok {
		s.assumed = int(max(assumed, 0))
	}
	for _, path := range texts(said["slicingArguments"]) {
		s.slicing = append(s.slicing, strings.Split(path, "."))
	}
	s.one, _ = said["requireOneSlicingArgument"].(bool)
	return s
}

func texts(value any) (list []string) {
	items, _ := value.([]any)
	for _, item := range items {
		if text, ok := item.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// weighs tells whether an input type has weights, itself or inside.
func (t *tariff) weighs(name string, seen map[string]bool) bool {
	def := t.schema.Types[name]
	if def.Kind != ast.InputObject || seen[name] {
		return false
	}
	seen[name] = true
	return slices.ContainsFunc(def.Fields, func(field *ast.FieldDefinition) bool {
		return t.fields[field].once > 0 || t.weighs(field.Type.Name(), seen)
	})
}

// input returns the weights of the input fields in a value.
func (t *tariff) input(typ *ast.Type, value any) (sum points) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			elem := typ
			if typ.Elem != nil {
				elem = typ.Elem
			}
			sum = plus(sum, t.input(elem, item))
		}
	case map[string]any:
		for _, field := range t.schema.Types[typ.Name()].Fields {
			if item := value[field.Name]; item != nil {
				sum = plus(sum, plus(t.fields[field].once, t.input(field.Type, item)))
			}
		}
	}
	return sum
}

// price is what the fields of one object cost: what is known from the document,
// and what hangs on variables.
type price struct {
	known points
	open  []*bill
	timed bool // of an operation: it hangs on the time as well
}

// bill is the cost of one field that hangs on variables.
type bill struct {
	once    points
	charges []charge
	items   int    // how many objects there are, unless the next two say
	around  bool   // as many as the field around this one was told to have
	own     bool   // as many as slice says
	slice   *slice // for this field, or for those inside that it sizes
	list    bool   // its length is the caller's choice: it is read whatever is selected inside, and never free
	length  int    // that choice, unless slice says
	objects []price
	beside  []price // of the list: what is selected of its page and its totals
}

// charge is added if an argument is given.
type charge struct {
	weight points
	typ    *ast.Type // of an argument with weights inside
	value  *ast.Value
}

// slice is the arguments of a field that say how long a list is.
type slice struct {
	size        *listSize
	arguments   ast.ArgumentList
	definitions ast.ArgumentDefinitionList
	page        int
	measure     func(arguments map[string]any) int
}

func (p price) points(t *tariff, variables map[string]any, around int) points {
	sum := p.known
	for _, b := range p.open {
		sum = plus(sum, b.points(t, variables, around))
	}
	return sum
}

func (b *bill) points(t *tariff, variables map[string]any, around int) points {
	sum := b.once
	for _, c := range b.charges {
		sum = plus(sum, c.points(t, variables))
	}
	items, inside := b.items, 0
	if b.slice != nil {
		inside = b.slice.items(variables)
	}
	switch {
	case b.own:
		items = inside
	case b.around:
		items = around
	}
	// Which type an object is of shows only later.
	dearest := func(list []price) (object points) {
		for _, p := range list {
			object = max(object, p.points(t, variables, inside))
		}
		return object
	}
	below := times(items, dearest(b.objects))
	if b.list {
		length := b.length
		if b.slice != nil {
			length = inside
		}
		below = plus(plus(point, dearest(b.beside)), max(below, times(length, point)))
	}
	return plus(sum, below)
}

func (c charge) points(t *tariff, variables map[string]any) points {
	value, _ := read(c.value, variables)
	switch {
	case value == nil:
		return 0
	case c.typ != nil:
		return plus(c.weight, t.input(c.typ, value))
	default:
		return c.weight
	}
}

// items returns the greatest of the arguments that are given, or what is
// assumed without them. One that is out of range counts as not given: the
// domain refuses it and answers no list at all.
func (s *slice) items(variables map[string]any) int {
	if s.measure != nil {
		given := make(map[string]any, len(s.definitions))
		for _, def := range s.definitions {
			given[def.Name] = s.argument([]string{def.Name}, variables)
		}
		return s.measure(given)
	}
	n := -1
	for _, path := range s.size.slicing {
		if asked := extent(s.argument(path, variables)); asked <= s.page {
			n = max(n, asked)
		}
	}
	switch {
	case n >= 0:
		return n
	case s.size.assumed > 0:
		return s.size.assumed
	default:
		return unsaid
	}
}

// extent returns the number of items that a value asks for, negative if it
// asks for none.
func extent(value any) int {
	switch value := value.(type) {
	case int64:
		return int(value)
	case []any:
		return len(value)
	default:
		return -1
	}
}

func (s *slice) argument(path []string, variables map[string]any) any {
	var value any
	given := false
	if a := s.arguments.ForName(path[0]); a != nil {
		value, given = read(a.Value, variables)
	}
	if def := s.definitions.ForName(path[0]); !given && def != nil {
		value, _ = read(def.DefaultValue, nil)
	}
	for _, step := range path[1:] {
		object, _ := value.(map[string]any)
		value = object[step]
	}
	return value
}

// read returns a value with its variables put in, and whether there is one.
func read(v *ast.Value, variables map[string]any) (value any, given bool) {
	if v == nil {
		return nil, false
	}
	if v.Kind == ast.Variable {
		value, given = variables[v.Raw]
		return value, given
	}
	value, err := v.Value(variables)
	return value, err == nil
}

// varies tells whether an argument that counts hangs on variables. What is measured may hang on the time as well.
func (s *slice) varies() bool {
	return s.measure != nil || slices.ContainsFunc(s.size.slicing, func(path []string) bool {
		a := s.arguments.ForName(path[0])
		return a != nil && varies(a.Value)
	})
}

// settles tells whether one slicing argument is given where there must be one.
// A default will do.
func (s *slice) settles() bool {
	if !s.size.one || len(s.size.slicing) == 0 {
		return true
	}
	given, preset := 0, 0
	for _, path := range s.size.slicing {
		if a := s.arguments.ForName(path[0]); a != nil && a.Value.Kind != ast.NullValue {
			given++
		} else if def := s.definitions.ForName(path[0]); a == nil && def != nil && def.DefaultValue != nil {
			preset++
		}
	}
	return given == 1 || given == 0 && preset > 0
}

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
	b := &biller{tariff: t, left: tangle * limits.Fields}
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
	field, fare := group[0], b.fields[def]
	open := &bill{once: fare.once, items: 1}
	b.charge(open, field, def)
	inside, err := b.size(open, field, def)
	if err != nil {
		return nil, err
	}
	switch {
	case def.Type.Elem == nil, open.own:
	case fare.size != nil && len(fare.size.sized) == 0:
		open.items = inside.items
	case slices.Contains(around.fields, def.Name):
		open.items, open.around = around.items, around.open
	case !strings.HasPrefix(parent.Name, "__"): // lists of the schema itself are read from memory
		open.items = unsaid
	}
	typ := b.schema.Types[def.Type.Name()]
	if typ.IsLeafType() {
		open.objects = []price{{known: b.types[typ.Name]}}
		return open, nil
	}
	which := everything
	if open.list && len(inside.fields) > 0 {
		which = func(def *ast.FieldDefinition) bool { return slices.Contains(inside.fields, def.Name) }
	}
	for _, object := range b.schema.PossibleTypes[typ.Name] {
		p, err := b.object(below(group), object, inside, which)
		if err != nil {
			return nil, err
		}
		p.known = plus(p.known, b.types[object.Name])
		open.objects = append(open.objects, p)
		if open.list && len(inside.fields) > 0 {
			beside, err := b.object(below(group), object, inside, func(def *ast.FieldDefinition) bool { return !which(def) })
			if err != nil {
				return nil, err
			}
			open.beside = append(open.beside, beside)
		}
	}
	return open, nil
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
		return inside, located(coded(validationFailed, shortened(fmt.Sprintf(
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

// costKey is where an operation keeps its cost.
const costKey = "petitiond.cost"

// costOf returns the points of a prepared operation, and whether it was priced.
func costOf(op *graphql.OperationContext) (cost int, known bool) {
	cost, known = op.Stats.GetExtension(costKey).(int)
	return cost, known
}
