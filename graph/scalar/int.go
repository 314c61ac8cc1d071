package scalar

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
)

const errInt = Error("An Int must be a whole number from -2147483648 to 2147483647, without quotes.")

// MarshalInt32 writes an Int.
func MarshalInt32(n int32) graphql.Marshaler { return graphql.MarshalInt32(n) }

// UnmarshalInt32 takes a whole number of 32 bits. A number with a fraction of
// zero is whole; a string is never a number.
func UnmarshalInt32(v any) (int32, error) {
	switch v := v.(type) {
	case int32:
		return v, nil
	case int:
		return narrow(int64(v))
	case int64:
		return narrow(v)
	case float64:
		return whole(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return narrow(n)
		}
		if f, err := v.Float64(); err == nil {
			return whole(f)
		}
	}
	return 0, errInt
}

// MarshalInt writes a Go int as an Int. More than 32 bits cannot be said in
// GraphQL: it is an error of the field, never a wrong number.
func MarshalInt(n int) graphql.ContextMarshaler { return number(n) }

type number int

// MarshalGQLContext writes the number.
func (n number) MarshalGQLContext(_ context.Context, w io.Writer) error {
	if _, err := narrow(int64(n)); err != nil {
		return Error("The number is too large for an Int.")
	}
	_, err := io.WriteString(w, strconv.Itoa(int(n)))
	return err
}

// UnmarshalInt takes what [UnmarshalInt32] takes, for fields whose Go type is int.
func UnmarshalInt(_ context.Context, v any) (int, error) {
	n, err := UnmarshalInt32(v)
	return int(n), err
}

// narrow refuses what does not fit 32 bits.
func narrow(n int64) (int32, error) {
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, errInt
	}
	return int32(n), nil
}

// whole refuses fractions, infinities and what does not fit 32 bits.
func whole(f float64) (int32, error) {
	if f != math.Trunc(f) || f < math.MinInt32 || f > math.MaxInt32 {
		return 0, errInt
	}
	return int32(f), nil
}
