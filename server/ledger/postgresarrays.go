package ledger

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database/pgarray"
	"petitiond/server/idempotency"
)

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
		pgarray.UUIDs(list, func(m move[K, sum]) uuid.UUID { return m.petition }), keys,
		pgarray.Ints(list, func(m move[K, sum]) int { return m.n.added }),
		pgarray.Ints(list, func(m move[K, sum]) int { return m.n.removed }),
	}
}

// columnsOfKeys are the arrays of keys.
func columnsOfKeys(keys []idempotency.Record) []any {
	return []any{
		pgarray.Texts(keys, func(k idempotency.Record) string { return k.ID }),
		pgarray.Blobs(keys, func(k idempotency.Record) []byte { return k.Input }),
		pgarray.UUIDs(keys, func(k idempotency.Record) uuid.UUID { return k.Answer }),
		pgarray.Times(keys, func(k idempotency.Record) time.Time { return k.At }),
	}
}

// columnsOfSignatures are the arrays of signatures.
func columnsOfSignatures(rows []*signatureRow) []any {
	return []any{
		pgarray.UUIDs(rows, func(r *signatureRow) uuid.UUID { return r.ID }),
		pgarray.UUIDs(rows, func(r *signatureRow) uuid.UUID { return r.counter.petition }),
		pgarray.Ints(rows, func(r *signatureRow) int { return r.number }),
		pgarray.Blobs(rows, func(r *signatureRow) []byte { return r.Digest }),
		pgarray.Blobs(rows, func(r *signatureRow) []byte { return r.Name }),
		pgarray.Blobs(rows, func(r *signatureRow) []byte { return r.Address }),
		pgarray.Bools(rows, func(r *signatureRow) bool { return r.ShowName }),
		pgarray.Texts(rows, func(r *signatureRow) string { return r.Country }),
		pgarray.Texts(rows, func(r *signatureRow) string { return r.Locale }),
		pgarray.Texts(rows, func(r *signatureRow) string { return r.Statement }),
		pgarray.Times(rows, func(r *signatureRow) time.Time { return r.at }),
		pgarray.Bools(rows, func(r *signatureRow) bool { return r.Updates }),
	}
}

// columnsOfWaiting are the arrays of signatures that wait: no numbers, and what they have besides.
func columnsOfWaiting(rows []*signatureRow) []any {
	columns := columnsOfSignatures(rows)
	// The third are the numbers.
	return append(slices.Delete(columns, 2, 3),
		pgarray.Blobs(rows, func(r *signatureRow) []byte { return r.Waiting.Token }),
		pgarray.Blobs(rows, func(r *signatureRow) []byte { return r.Waiting.Code }),
		pgarray.Blobs(rows, func(r *signatureRow) []byte { return r.Waiting.Reason }),
	)
}

// columnsOfCounters are the arrays of counters, and the petitions of those that leave something out for the first time.
func columnsOfCounters(counters []*counter) []any {
	// Only these are not named in the table unsummed yet; naming the others again would write a row for nothing.
	firsts := slices.DeleteFunc(slices.Clone(counters), func(c *counter) bool { return !c.first })
	petition := func(c *counter) uuid.UUID { return c.petition }
	return []any{
		pgarray.UUIDs(counters, petition),
		pgarray.Ints(counters, func(c *counter) int { return c.total }),
		pgarray.Ints(counters, func(c *counter) int { return c.issued }),
		pgarray.Ints(counters, func(c *counter) int { return int(c.version) }),
		pgarray.Times(counters, func(c *counter) time.Time { return c.asOf }),
		pgarray.Ints(counters, func(c *counter) int { return c.named }),
		pgarray.Ints(counters, func(c *counter) int { return c.threads }),
		pgarray.Ints(counters, func(c *counter) int { return c.comments }),
		pgarray.Ints(counters, func(c *counter) int { return c.commentsIssued }),
		pgarray.Floats(counters, func(c *counter) float64 { return c.trending }),
		pgarray.Ints(counters, func(c *counter) int { return c.unsummedAfter }),
		pgarray.Ints(counters, func(c *counter) int { return c.unsummedTo }),
		pgarray.Ints(counters, func(c *counter) int { return c.pending }),
		pgarray.UUIDs(firsts, petition),
	}
}

// columnsOfSums are the arrays of what counters add to minutes, days and countries.
func columnsOfSums(counters []*counter) []any {
	minutes := moves(counters, func(c *counter) map[int64]sum { return c.minutes })
	days := moves(counters, func(c *counter) map[int64]sum { return c.days })
	countries := moves(counters, func(c *counter) map[string]sum { return c.countries })
	begin := func(m move[int64, sum]) int { return int(m.key) }
	return slices.Concat(
		columnsOfMoves(minutes, pgarray.Ints(minutes, begin)),
		columnsOfMoves(days, pgarray.Ints(days, begin)),
		columnsOfMoves(countries, pgarray.Texts(countries, func(m move[string, sum]) string { return m.key })),
	)
}
