package ledger

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq/oid"

	"petitiond/server/idempotency"
)

// array makes the array of one column from rows, in the binary format that the connections of the ledger take, see
// database.DB: PostgreSQL would read the text of an array for as long as it takes to write its rows.
//
// A batch goes as one array a column, because that costs one way to the server and one plan whatever its size; a
// statement of so many VALUES would be planned again for each number of rows.
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

// The arrays by type.
func texts[R any](rows []R, value func(R) string) any {
	return array(rows, oid.T_text, func(b []byte, r R) []byte { return append(b, value(r)...) })
}

func blobs[R any](rows []R, value func(R) []byte) any {
	return array(rows, oid.T_bytea, func(b []byte, r R) []byte { return append(b, value(r)...) })
}

func uuids[R any](rows []R, value func(R) uuid.UUID) any {
	return array(rows, oid.T_uuid, func(b []byte, r R) []byte { id := value(r); return append(b, id[:]...) })
}

func bools[R any](rows []R, value func(R) bool) any {
	return array(rows, oid.T_bool, func(b []byte, r R) []byte {
		if value(r) {
			return append(b, 1)
		}
		return append(b, 0)
	})
}

func ints[R any](rows []R, value func(R) int) any {
	return array(rows, oid.T_int8, func(b []byte, r R) []byte { return appendInt(b, int64(value(r))) })
}

func floats[R any](rows []R, value func(R) float64) any {
	return array(rows, oid.T_float8, func(b []byte, r R) []byte {
		return binary.BigEndian.AppendUint64(b, math.Float64bits(value(r)))
	})
}

// times writes times in microseconds, which is all that is stored of them.
func times[R any](rows []R, value func(R) time.Time) any {
	begin := time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMicro() // of PostgreSQL's reckoning
	return array(rows, oid.T_timestamptz, func(b []byte, r R) []byte { return appendInt(b, value(r).UnixMicro()-begin) })
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

// same is the column of rows that are values themselves.
func same[V any](v V) V { return v }

// parentOf returns the parent as the array holds it, where an empty string stands for NULL.
func parentOf(r *commentRow) string {
	if r.Parent == nil {
		return ""
	}
	return r.Parent.String()
}

// authorOf does the same for the author, who may have no name but never an empty one.
func authorOf(r *commentRow) string {
	if r.Author == nil {
		return ""
	}
	return *r.Author
}

// move is what is added to a bucket or to a parent's replies.
type move[K comparable, N any] struct {
	petition uuid.UUID
	key      K
	n        N
}

// moves lists what all counters of a batch add, so that it goes as one array.
func moves[K comparable, N any](counters []*counter, of func(*counter) map[K]N) []move[K, N] {
	var out []move[K, N]
	for _, c := range counters {
		for k, n := range of(c) {
			out = append(out, move[K, N]{c.petition, k, n})
		}
	}
	return out
}

// columnsOfMoves are the arrays of sums, of which keys is one.
func columnsOfMoves[K comparable](list []move[K, sum], keys any) []any {
	return []any{
		uuids(list, func(m move[K, sum]) uuid.UUID { return m.petition }), keys,
		ints(list, func(m move[K, sum]) int { return m.n.added }),
		ints(list, func(m move[K, sum]) int { return m.n.removed }),
	}
}

// columnsOfKeys are the arrays of keys.
func columnsOfKeys(keys []idempotency.Record) []any {
	return []any{
		texts(keys, func(k idempotency.Record) string { return k.ID }),
		blobs(keys, func(k idempotency.Record) []byte { return k.Input }),
		uuids(keys, func(k idempotency.Record) uuid.UUID { return k.Answer }),
		times(keys, func(k idempotency.Record) time.Time { return k.At }),
	}
}

// columnsOfSignatures are the arrays of signatures.
func columnsOfSignatures(rows []*signatureRow) []any {
	return []any{
		uuids(rows, func(r *signatureRow) uuid.UUID { return r.ID }),
		uuids(rows, func(r *signatureRow) uuid.UUID { return r.counter.petition }),
		ints(rows, func(r *signatureRow) int { return r.number }),
		blobs(rows, func(r *signatureRow) []byte { return r.Digest }),
		blobs(rows, func(r *signatureRow) []byte { return r.Name }),
		blobs(rows, func(r *signatureRow) []byte { return r.Address }),
		bools(rows, func(r *signatureRow) bool { return r.ShowName }),
		texts(rows, func(r *signatureRow) string { return r.Country }),
		texts(rows, func(r *signatureRow) string { return r.Locale }),
		texts(rows, func(r *signatureRow) string { return r.Statement }),
		times(rows, func(r *signatureRow) time.Time { return r.at }),
	}
}

// columnsOfWaiting are the arrays of signatures that wait: no numbers, and what they have besides.
func columnsOfWaiting(rows []*signatureRow) []any {
	columns := columnsOfSignatures(rows)
	return append(slices.Delete(columns, 2, 3),
		blobs(rows, func(r *signatureRow) []byte { return r.Waiting.Token }),
		blobs(rows, func(r *signatureRow) []byte { return r.Waiting.Code }),
		blobs(rows, func(r *signatureRow) []byte { return r.Waiting.Reason }),
		bools(rows, func(r *signatureRow) bool { return r.Waiting.Updates }),
	)
}

// columnsOfCounters are the arrays of counters, and the petitions of those that leave something out for the first time.
func columnsOfCounters(counters []*counter) []any {
	firsts := slices.DeleteFunc(slices.Clone(counters), func(c *counter) bool { return !c.first })
	petition := func(c *counter) uuid.UUID { return c.petition }
	return []any{
		uuids(counters, petition),
		ints(counters, func(c *counter) int { return c.total }),
		ints(counters, func(c *counter) int { return c.issued }),
		ints(counters, func(c *counter) int { return int(c.version) }),
		times(counters, func(c *counter) time.Time { return c.asOf }),
		ints(counters, func(c *counter) int { return c.named }),
		ints(counters, func(c *counter) int { return c.threads }),
		ints(counters, func(c *counter) int { return c.comments }),
		ints(counters, func(c *counter) int { return c.commentsIssued }),
		floats(counters, func(c *counter) float64 { return c.trending }),
		ints(counters, func(c *counter) int { return c.unsummedAfter }),
		ints(counters, func(c *counter) int { return c.unsummedTo }),
		ints(counters, func(c *counter) int { return c.pending }),
		uuids(firsts, petition),
	}
}

// columnsOfSums are the arrays of what counters add to minutes, days and countries.
func columnsOfSums(counters []*counter) []any {
	minutes := moves(counters, func(c *counter) map[int64]sum { return c.minutes })
	days := moves(counters, func(c *counter) map[int64]sum { return c.days })
	countries := moves(counters, func(c *counter) map[string]sum { return c.countries })
	begin := func(m move[int64, sum]) int { return int(m.key) }
	return slices.Concat(
		columnsOfMoves(minutes, ints(minutes, begin)),
		columnsOfMoves(days, ints(days, begin)),
		columnsOfMoves(countries, texts(countries, func(m move[string, sum]) string { return m.key })),
	)
}
