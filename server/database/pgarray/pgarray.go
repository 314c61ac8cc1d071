// Package pgarray makes the arrays in which many rows go to PostgreSQL as one statement, one array a column: that costs
// one way to the server and one plan whatever their number, where a statement of so many VALUES would be planned again
// for each number of rows.
//
// The arrays are in the binary format that the connections of the ledger take, see database.DB: PostgreSQL would read
// the text of an array for as long as it takes to write its rows. There is no NULL in them.
package pgarray

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq/oid"
)

// array makes the array of one column from rows.
func array[R any](rows []R, of oid.Oid, put func([]byte, R) []byte) any {
	dimensions := min(1, len(rows))
	out := binary.BigEndian.AppendUint32(nil, uint32(dimensions))
	out = binary.BigEndian.AppendUint32(out, 0) // no NULLs
	out = binary.BigEndian.AppendUint32(out, uint32(of))
	if dimensions == 0 {
		return out
	}
	out = binary.BigEndian.AppendUint32(out, uint32(len(rows)))
	out = binary.BigEndian.AppendUint32(out, 1) // where it begins
	for _, r := range rows {
		at := len(out)
		out = put(append(out, 0, 0, 0, 0), r)
		binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
	}
	return out
}

// Texts makes an array of text.
func Texts[R any](rows []R, value func(R) string) any {
	return array(rows, oid.T_text, func(b []byte, r R) []byte { return append(b, value(r)...) })
}

// Blobs makes an array of bytea.
func Blobs[R any](rows []R, value func(R) []byte) any {
	return array(rows, oid.T_bytea, func(b []byte, r R) []byte { return append(b, value(r)...) })
}

// UUIDs makes an array of uuid.
func UUIDs[R any](rows []R, value func(R) uuid.UUID) any {
	return array(rows, oid.T_uuid, func(b []byte, r R) []byte { id := value(r); return append(b, id[:]...) })
}

// Bools makes an array of boolean.
func Bools[R any](rows []R, value func(R) bool) any {
	return array(rows, oid.T_bool, func(b []byte, r R) []byte {
		if value(r) {
			return append(b, 1)
		}
		return append(b, 0)
	})
}

// Ints makes an array of bigint.
func Ints[R any](rows []R, value func(R) int) any {
	return array(rows, oid.T_int8, func(b []byte, r R) []byte { return appendInt(b, int64(value(r))) })
}

// Floats makes an array of double precision.
func Floats[R any](rows []R, value func(R) float64) any {
	return array(rows, oid.T_float8, func(b []byte, r R) []byte {
		return binary.BigEndian.AppendUint64(b, math.Float64bits(value(r)))
	})
}

// Times makes an array of timestamptz, in microseconds, which is all that is stored of a time.
func Times[R any](rows []R, value func(R) time.Time) any {
	begin := time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMicro() // of PostgreSQL's reckoning
	return array(rows, oid.T_timestamptz, func(b []byte, r R) []byte { return appendInt(b, value(r).UnixMicro()-begin) })
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

// Same is the column of rows that are values themselves.
func Same[V any](v V) V { return v }
