package operation

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// points is a cost in thousandths of a point, which keeps sums of decimal weights exact. It is never negative.
type points int64

const (
	point points = 1000
	// maxPoints is where costs stop growing. Two of them can still be added.
	maxPoints points = 1 << 60
	// defaultItems is how many items a list is assumed to have if nothing determines its size.
	defaultItems = 10
)

// plus and times saturate at maxPoints instead of overflowing.
func plus(a, b points) points { return min(a+b, maxPoints) }

func times(n int, each points) points {
	// Divided, since the product itself could overflow.
	if n > 0 && each > maxPoints/points(n) {
		return maxPoints
	}
	return points(n) * each
}

// whole rounds up.
func (p points) whole() int { return int((p + point - 1) / point) }

// tariff holds the values of @cost and @listSize in a schema, as defined by IBM's specification of cost directives.
type tariff struct {
	schema *ast.Schema
	fields map[*ast.FieldDefinition]*fare
	types  map[string]points // of one object or leaf
	inputs map[string]bool   // the input types with weights inside
	page   int               // items that a slicing argument may ask for
}

// fare is what a field of the schema costs, with its arguments.
type fare struct {
	once      points
	arguments map[string]points
	size      *listSize
	measure   func(arguments map[string]any) int // see Options.Sizes
}

// listSize is what @listSize says of a field.
type listSize struct {
	assumed int
	slicing [][]string // arguments, with the path inside where they are objects
	sized   []string
	one     bool // exactly one of the arguments must be given
}

// newTariff reads the directives of a schema. It panics if one is invalid, since the schema is part of the program.
func newTariff(schema *ast.Schema, page int, sizes map[string]func(map[string]any) int) *tariff {
	t := &tariff{
		schema: schema,
		fields: map[*ast.FieldDefinition]*fare{},
		types:  map[string]points{},
		inputs: map[string]bool{},
		page:   page,
	}
	for name, def := range schema.Types {
		// The weights that the specification assumes: one for an object, none for a scalar or an enum. Interfaces and
		// unions need none here, since their objects are priced by their own types.
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
	// After the fares of all fields are known: input types lead to one another.
	for name := range schema.Types {
		t.inputs[name] = t.hasWeights(name, map[string]bool{})
	}
	return t
}

// newFare reads the directives of a field.
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
	// By fractions, since 0.1 has no exact float and many of them are added up.
	decimal, ok := new(big.Rat).SetString(text)
	if !ok || decimal.Sign() < 0 || decimal.Cmp(big.NewRat(int64(maxPoints/point), 1)) > 0 {
		panic(fmt.Sprintf("@cost(weight: %q) is no weight", text))
	}
	decimal.Mul(decimal, big.NewRat(int64(point), 1))
	whole, rest := new(big.Int).QuoRem(decimal.Num(), decimal.Denom(), new(big.Int))
	return points(whole.Int64() + int64(rest.Sign())), true
}

// newListSize reads @listSize, or returns nil where there is none.
func newListSize(d *ast.Directive) *listSize {
	if d == nil {
		return nil
	}
	arguments := d.ArgumentMap(nil)
	if d.Definition == nil { // a schema that was only parsed
		arguments = map[string]any{}
	}
	s := &listSize{sized: texts(arguments["sizedFields"])}
	if assumed, ok := arguments["assumedSize"].(int64); ok {
		s.assumed = int(max(assumed, 0))
	}
	for _, path := range texts(arguments["slicingArguments"]) {
		s.slicing = append(s.slicing, strings.Split(path, "."))
	}
	s.one, _ = arguments["requireOneSlicingArgument"].(bool)
	return s
}

// texts returns the strings of a list.
func texts(value any) (list []string) {
	items, _ := value.([]any)
	for _, item := range items {
		if text, ok := item.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// hasWeights reports whether an input type has weights, directly or in nested types.
func (t *tariff) hasWeights(name string, seen map[string]bool) bool {
	def := t.schema.Types[name]
	// A type that was looked at before had no weights, or the search would have ended.
	if def.Kind != ast.InputObject || seen[name] {
		return false
	}
	// Input types may contain themselves. One that is being looked at further up adds nothing new.
	seen[name] = true
	return slices.ContainsFunc(def.Fields, func(field *ast.FieldDefinition) bool {
		return t.fields[field].once > 0 || t.hasWeights(field.Type.Name(), seen)
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
			// Only what is given costs something. The nesting of the value, which JSON or the document bounds, ends the
			// recursion.
			if item := value[field.Name]; item != nil {
				sum = plus(sum, plus(t.fields[field].once, t.input(field.Type, item)))
			}
		}
	}
	return sum
}
