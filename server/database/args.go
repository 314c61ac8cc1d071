package database

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// Args gathers the values of a statement.
type Args []any

// Add returns the placeholder of a value.
func (a *Args) Add(v any) string {
	*a = append(*a, v)
	return "$" + strconv.Itoa(len(*a))
}

// Among returns the condition that a column of ids holds one of them, as a single argument, so that the text
// of the statement does not depend on their number. One alone has a text of its own: the planner then knows
// that there is one.
func (a *Args) Among(d Dialect, column string, ids []uuid.UUID) string {
	switch {
	case len(ids) == 1:
		return column + " = " + a.Add(ids[0])
	case d == Postgres:
		return column + " = ANY(" + a.Add(UUIDArray(ids)) + "::uuid[])"
	}
	return column + " IN (SELECT value FROM json_each(" + a.Add(UUIDList(ids)) + "))"
}

// UUID is a uuid.UUID that is scanned without a copy of its text.
type UUID uuid.UUID

// Scan accepts what uuid.UUID does.
func (u *UUID) Scan(src any) (err error) {
	if text, ok := src.([]byte); ok && len(text) == textLength {
		*(*uuid.UUID)(u), err = uuid.ParseBytes(text)
		return err
	}
	return (*uuid.UUID)(u).Scan(src)
}

// textLength is the length of a UUID as both databases write it.
const textLength = 36

// UUIDSet is ids that can be compared with ==: their bytes, one after the other.
type UUIDSet string

// SetOf returns the ids as a set.
func SetOf(ids []uuid.UUID) UUIDSet {
	out := make([]byte, 0, len(ids)*len(uuid.UUID{}))
	for _, id := range ids {
		out = append(out, id[:]...)
	}
	return UUIDSet(out)
}

// Union returns the ids of all sets, each once.
func Union(sets []UUIDSet) (ids []uuid.UUID) {
	for _, set := range sets {
		for id := range slices.Chunk([]byte(set), len(uuid.UUID{})) {
			ids = append(ids, uuid.UUID(id))
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// MinuteSQL is the minute since 1970 that holds the time in a column, as an expression in SQL.
func (d Dialect) MinuteSQL(column string) string {
	if d == Postgres {
		return `floor(extract(epoch FROM ` + column + `) / 60)::bigint`
	}
	// Its own reading of a time rounds to milliseconds, and so into the next minute.
	return `strftime('%s', substr(` + column + `, 1, 16)) / 60`
}

// UUIDArray writes ids as an array of PostgreSQL.
func UUIDArray(ids []uuid.UUID) string { return writeIDs(ids, `{`, ``, `}`) }

// UUIDList writes ids as the list of JSON that SQLite's json_each reads.
func UUIDList(ids []uuid.UUID) string { return writeIDs(ids, `[`, `"`, `]`) }

// writeIDs writes ids by hand: lists of hundreds are arguments of nearly every statement, and need no escapes.
func writeIDs(ids []uuid.UUID, begin, quote, end string) string {
	out := make([]byte, 0, 2+len(ids)*39)
	out = append(out, begin...)
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, quote...)
		out = append(out, id.String()...)
		out = append(out, quote...)
	}
	return string(append(out, end...))
}
