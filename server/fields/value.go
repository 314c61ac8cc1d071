package fields

import (
	"reflect"
	"strings"
	"time"

	"petitiond/ent"
)

// Value returns what a row has in the field: nil where it may have nothing and has nothing.
func (f Field) Value(row *ent.Petition) any {
	v := reflect.ValueOf(f.In(row)).Elem()
	// By the type of the field in the row, so that the table need not say it a second time.
	if v.Kind() != reflect.Pointer {
		return v.Interface()
	}
	if v.IsNil() {
		return nil
	}
	return v.Elem().Interface()
}

// Set gives a row a value: nil takes it away.
func (f Field) Set(row *ent.Petition, value any) {
	v := reflect.ValueOf(f.In(row)).Elem()
	switch {
	case value == nil:
		v.SetZero()
	case v.Kind() == reflect.Pointer:
		// A copy: the row must not change with the input that it was made of.
		at := reflect.New(v.Type().Elem())
		at.Elem().Set(reflect.ValueOf(value))
		v.Set(at)
	default:
		v.Set(reflect.ValueOf(value))
	}
}

// Same reports whether two rows have the same in the field. An empty list is as good as none, and of times only the
// moment counts.
func (f Field) Same(a, b *ent.Petition) bool {
	x, y := f.Value(a), f.Value(b)
	// A time that was read differs from one that was typed by its location, and by nothing that counts.
	if at, ok := x.(time.Time); ok {
		other, ok := y.(time.Time)
		return ok && at.Equal(other)
	}
	// The database may return nil for a list that was stored as an empty one.
	if list := reflect.ValueOf(x); list.Kind() == reflect.Slice && list.Len() == 0 {
		other := reflect.ValueOf(y)
		return !other.IsValid() || other.Len() == 0
	}
	return reflect.DeepEqual(x, y)
}

// Given returns what an input gives for the field: a struct whose fields have the names of the API, whatever their
// case. A pointer that is nil gives nothing, and a pointer to one that is nil gives null.
func (f Field) Given(input any) (value any, given bool) {
	v := Named(reflect.ValueOf(input), f.Name)
	// A list that is nil was left out; any other value is always given.
	if v.Kind() != reflect.Pointer {
		return v.Interface(), v.Kind() != reflect.Slice || !v.IsNil()
	}
	if v.IsNil() {
		return nil, false
	}
	if v = v.Elem(); v.Kind() != reflect.Pointer {
		return v.Interface(), true
	}
	if v.IsNil() {
		return nil, true
	}
	return v.Elem().Interface(), true
}

// Named returns the field of a struct that has a name of the API. It panics where there is none, which the tests meet.
func Named(v reflect.Value, name string) reflect.Value {
	// The inputs are Go structs, whose names differ from those of the API by their capitals alone.
	field := v.FieldByNameFunc(func(have string) bool { return strings.EqualFold(have, name) })
	if !field.IsValid() {
		panic("fields: " + v.Type().String() + " has no field " + name)
	}
	return field
}
