package operation

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

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

// points returns what the fields of one object cost with these variables. around is how many objects the field around
// this one was told to have.
func (p price) points(t *tariff, variables map[string]any, around int) points {
	sum := p.known
	for _, b := range p.open {
		sum = plus(sum, b.points(t, variables, around))
	}
	return sum
}

// points returns what one field costs with these variables: itself, its arguments, and what is below it as often as
// there are objects. An object counts as the dearest of those that it may be.
func (b *bill) points(t *tariff, variables map[string]any, around int) points {
	sum := b.once
	for _, c := range b.charges {
		sum = plus(sum, c.points(t, variables))
	}
	inside := 0
	if b.slice != nil {
		inside = b.slice.items(variables)
	}
	below := times(b.count(around, inside), dearest(b.objects, t, variables, inside))
	if b.list {
		length := b.length
		if b.slice != nil {
			length = inside
		}
		below = plus(plus(point, dearest(b.beside, t, variables, inside)), max(below, times(length, point)))
	}
	return plus(sum, below)
}

// count returns how many objects there are.
func (b *bill) count(around, inside int) int {
	switch {
	case b.own:
		return inside
	case b.around:
		return around
	}
	return b.items
}

// dearest returns the cost of an object that may be of several types: of which one shows only later.
func dearest(list []price, t *tariff, variables map[string]any, around int) (object points) {
	for _, p := range list {
		object = max(object, p.points(t, variables, around))
	}
	return object
}

// points returns what an argument adds, if it is given and not null.
func (c charge) points(t *tariff, variables map[string]any) points {
	value, _ := read(c.value, variables)
	switch {
	case value == nil:
		return 0
	case c.typ != nil:
		return plus(c.weight, t.input(c.typ, value))
	}
	return c.weight
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
		return defaultItems
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

// argument returns what stands at a path, in the argument itself or in its default.
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
