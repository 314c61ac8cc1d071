package operation

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/errcode"
)

// coerce converts the variables of a request to the types that an operation declares, as the specification says under
// Coercing Variable Values. gqlparser's own function accepts strings for numbers, ignores the case of enum values, and
// quotes values in its errors.
func coerce(schema *ast.Schema, op *ast.OperationDefinition, given map[string]any) (map[string]any, *gqlerror.Error) {
	variables := make(map[string]any, len(op.VariableDefinitions))
	// Variables that the operation does not declare are ignored, as the specification has it.
	for _, def := range op.VariableDefinitions {
		value, present := given[def.Variable]
		if !present && def.DefaultValue != nil {
			// Coerced below like a value that was given: 1 is a literal of Float, and one item stands for a list.
			value, _ = def.DefaultValue.Value(nil)
			present = true
		}
		// Absent is not null: an edit leaves one field as it is, and clears the other.
		if !present && !def.Type.NonNull {
			continue
		}
		coerced, bad := coerceValue(schema, def.Type, value)
		if bad != nil {
			return nil, variableError(def, bad)
		}
		variables[def.Variable] = coerced
	}
	return variables, nil
}

// checkConditions refuses null for a variable that @skip or @include depends on: validation allows a nullable variable
// there if it has a default, but null may still be given explicitly.
func checkConditions(op *ast.OperationDefinition, names []string, variables map[string]any) *gqlerror.Error {
	for _, name := range names {
		if value, present := variables[name]; present && value == nil {
			return variableError(op.VariableDefinitions.ForName(name), &misfit{need: "must not be null, since @skip or @include depends on it"})
		}
	}
	return nil
}

// variableError returns the error for a variable that does not fit its type. It contains names and no value.
func variableError(def *ast.VariableDefinition, bad *misfit) *gqlerror.Error {
	message := fmt.Sprintf("Variable \"$%s%s\" %s.", def.Variable, bad.path, bad.need)
	return located(Coded(errcode.ValidationFailed, shortened(message)), def.Position)
}

// misfit says where in a variable a value does not fit, and what is needed there. Its path contains only names of the
// schema.
type misfit struct{ path, need string }

// under returns the misfit with its path seen from one level further up.
func (m *misfit) under(step string) *misfit {
	m.path = step + m.path
	return m
}

// coerceValue converts a value to its type, or returns what is needed there.
func coerceValue(schema *ast.Schema, typ *ast.Type, value any) (any, *misfit) {
	switch {
	case value == nil && typ.NonNull:
		return nil, &misfit{need: "must not be null or missing"}
	case value == nil:
		return nil, nil
	case typ.Elem != nil:
		return coerceList(schema, typ.Elem, value)
	}
	switch def := schema.Types[typ.NamedType]; def.Kind {
	case ast.InputObject:
		return coerceObject(schema, def, value)
	// By its exact name: enum values are compared letter by letter.
	case ast.Enum:
		if name, ok := value.(string); ok && def.EnumValues.ForName(name) != nil {
			return name, nil
		}
		return nil, &misfit{need: "must be a value of the enum " + def.Name}
	default:
		return coerceScalar(def.Name, value)
	}
}

// coerceList also accepts a single value as a list of one.
func coerceList(schema *ast.Schema, elem *ast.Type, value any) (any, *misfit) {
	list, ok := value.([]any)
	if !ok {
		// Not null, which has been returned as null already: null is no list of one null (section 3.11).
		list = []any{value}
	}
	result := make([]any, len(list))
	for i, item := range list {
		coerced, bad := coerceValue(schema, elem, item)
		if bad != nil {
			return nil, bad.under("." + strconv.Itoa(i))
		}
		result[i] = coerced
	}
	return result, nil
}

// coerceObject converts an object to its input type: there must be no unknown field, and no required field may be
// missing.
func coerceObject(schema *ast.Schema, def *ast.Definition, value any) (any, *misfit) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, &misfit{need: "must be an object of type " + def.Name}
	}
	// Unknown fields are refused, as section 3.10 demands: one that is misspelt would otherwise go unnoticed.
	var unknown []string
	for name := range object {
		if def.Fields.ForName(name) == nil {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, &misfit{need: "has a field " + echoed(slices.Min(unknown)) + "that " + def.Name + " does not have"}
	}
	result := make(map[string]any, len(object))
	for _, field := range def.Fields {
		item, present := object[field.Name]
		// The generated code fills in defaults.
		if !present && (!field.Type.NonNull || field.DefaultValue != nil) {
			continue
		}
		coerced, bad := coerceValue(schema, field.Type, item)
		if bad != nil {
			return nil, bad.under("." + field.Name)
		}
		result[field.Name] = coerced
	}
	return result, nil
}

// maxEchoed is how long the name of an unknown field may be for an error to repeat it.
const maxEchoed = 64

// echoed returns a key of an object, quoted, if it could be the name of a field, as errors about documents repeat
// names. Any other text may be a value in the wrong place, which errors do not repeat.
func echoed(key string) string {
	if len(key) > maxEchoed || !fieldName.MatchString(key) {
		return ""
	}
	return strconv.Quote(key) + " "
}

var fieldName = regexp.MustCompile("^[_A-Za-z][_0-9A-Za-z]*$")

// coerceScalar checks the built-in scalars. Custom scalars are checked when their Go types unmarshal them.
func coerceScalar(name string, value any) (any, *misfit) {
	if number, ok := value.(json.Number); ok {
		value = numeral(number)
	}
	ok := true
	switch name {
	case "Int":
		value, ok = wholeNumber(value)
	case "Float":
		if n, whole := value.(int64); whole {
			value = float64(n)
		}
		_, ok = value.(float64)
	case "Boolean":
		_, ok = value.(bool)
	case "String":
		_, ok = value.(string)
	// Whole numbers are ids as well (section 3.5.5).
	case "ID":
		_, text := value.(string)
		_, whole := value.(int64)
		ok = text || whole
	}
	if !ok {
		return nil, &misfit{need: "must be of type " + name}
	}
	return value, nil
}

// wholeNumber accepts what fits an Int, even with a fraction of zero.
func wholeNumber(value any) (any, bool) {
	// Some clients write 1.0, since their languages do not tell it from 1. The bound comes before the conversion, of
	// which Go does not say what it makes of a number that is out of range.
	if f, ok := value.(float64); ok && f == math.Trunc(f) && math.Abs(f) <= 1<<31 {
		value = int64(f)
	}
	n, ok := value.(int64)
	return n, ok && n >= math.MinInt32 && n <= math.MaxInt32
}

// numeral converts a JSON number to an int64 if it is written as an integer that fits, else to a float64. A number that
// fits neither is returned unchanged.
func numeral(number json.Number) any {
	if n, err := number.Int64(); err == nil {
		return n
	}
	if f, err := number.Float64(); err == nil {
		return f
	}
	return number
}
