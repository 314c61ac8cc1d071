package operation

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// price is what the fields of one object cost: what the document alone determines, and what depends on variables.
type price struct {
	known points
	open  []*bill
	timed bool // of an operation: its price depends on the time as well
}

// bill is the cost of one field, as far as it depends on variables.
type bill struct {
	once    points
	charges []charge
	items   int    // how many objects there are, unless around or own is set
	around  bool   // as many as the enclosing field was asked for
	own     bool   // as many as slice yields
	slice   *slice // for this field, or for the lists inside it that it sizes
	list    bool   // its length is the caller's choice: it is read whatever is selected inside it, and never free
	length  int    // that length, unless slice yields it
	objects []price
	beside  []price // what is selected beside the list, such as pageInfo and totals
}

// charge is added if an argument is given.
type charge struct {
	weight points
	typ    *ast.Type // of an argument with weights inside
	value  *ast.Value
}

// slice is the arguments of a field that determine how long a list is.
type slice struct {
	size        *listSize
	arguments   ast.ArgumentList
	definitions ast.ArgumentDefinitionList
	page        int
	measure     func(arguments map[string]any) int
}

// points returns what the fields of one object cost with these variables. around is how many objects the enclosing
// field was asked for.
func (p price) points(t *tariff, variables map[string]any, around int) points {
	sum := p.known
	for _, b := range p.open {
		sum = plus(sum, b.points(t, variables, around))
	}
	return sum
}

// points returns what one field costs with these variables: the field itself, its arguments, and what is selected below
// it for every object. An object is priced as the most expensive type that it may have.
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
		// The rows are read whatever is selected of them: a list costs a point, and one at least for each row, even if
		// only __typename is asked for.
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

// dearest returns the greatest cost of an object among its possible types, since its actual type is not known before
// execution.
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

// items returns the greatest of the given arguments, or the assumed size if none is given. An argument that is out of
// range counts as not given: the domain refuses it, and no list is read at all.
func (s *slice) items(variables map[string]any) int {
	if s.measure != nil {
		// All arguments, and not those alone that a client gave: the function sees the defaults as a resolver would.
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

// extent returns the number of items that a value asks for, negative if it asks for none.
func extent(value any) int {
	switch value := value.(type) {
	// Whole numbers are int64 wherever they come from: a literal, or a variable of type Int after coercion.
	case int64:
		return int(value)
	case []any:
		return len(value)
	default:
		return -1
	}
}

// argument returns the value at a path, in the argument or in its default.
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

// read returns a value with its variables substituted, and whether there is one.
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

// varies reports whether the size depends on variables. A size that is measured may depend on the time as well.
func (s *slice) varies() bool {
	return s.measure != nil || slices.ContainsFunc(s.size.slicing, func(path []string) bool {
		a := s.arguments.ForName(path[0])
		return a != nil && varies(a.Value)
	})
}

// settles reports whether exactly one slicing argument is given where that is required. A default suffices.
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
