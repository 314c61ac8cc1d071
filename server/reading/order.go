package reading

import (
	"time"

	"petitiond/server/database"
	"petitiond/server/keyset"
)

// OrderField is what petitions are ordered by.
type OrderField string

// Direction is the direction of an order.
type Direction string

// The orders of petitions.
const (
	ByCreatedAt      OrderField = "CREATED_AT"
	ByStartsAt       OrderField = "STARTS_AT"
	ByEndsAt         OrderField = "ENDS_AT"
	BySignatureCount OrderField = "SIGNATURE_COUNT"
	ByTrending       OrderField = "TRENDING"
	ByRelevance      OrderField = "RELEVANCE"

	Asc  Direction = "ASC"
	Desc Direction = "DESC"
)

// Order is an order of petitions.
type Order struct {
	Field     OrderField
	Direction Direction
}

// TagPetitionsBy returns the order of a tag's petitions, by default the newest first.
func TagPetitionsBy(o *Order) Order { return or(o, newestFirst) }

// newestFirst is the default order of petitions.
var newestFirst = Order{Field: ByCreatedAt, Direction: Desc}

// check refuses unknown orders.
func (o Order) check(searching bool) error {
	switch o.Field {
	case ByCreatedAt, ByStartsAt, ByEndsAt, BySignatureCount, ByTrending:
		return nil
	case ByRelevance:
		if searching {
			return nil
		}
		return &keyset.ArgumentError{Argument: "orderBy", Message: "RELEVANCE needs a search."}
	}
	return &keyset.ArgumentError{Argument: "orderBy", Message: "There is no such order."}
}

// alongRanks reports whether a list that is not sorted as a whole is read along an index of the ranks. The best results
// of a search are read in that way, too.
func (o Order) alongRanks() bool {
	switch o.Field {
	case BySignatureCount, ByTrending, ByRelevance:
		return true
	}
	return false
}

// sorting is how the petitions of a source are sorted.
type sorting struct {
	keys  keyset.Order
	inner inner
	at    sortValue // where the sort key is scanned
}

// sort returns how to sort the petitions of a source in the order o.
func (c conditions) sort(o Order, from source, d database.Dialect) sorting {
	desc := o.Direction == Desc
	switch o.Field {
	case ByStartsAt:
		return c.byTime(`p.starts_at`, desc, from, d)
	case ByEndsAt:
		return c.byTime(`p.ends_at`, desc, from, d)
	case BySignatureCount:
		return c.byRank(`r.signatures`, desc, from, new(sortInt))
	case ByTrending:
		return c.byRank(`r.trending`, desc, from, new(sortFloat))
	}
	out := sorting{keys: keyset.Order{Columns: []string{`p.created_at`, `p.id`}, Desc: desc}, at: &sortTime{}}
	if from.few {
		out.inner = c.all(from.from, ``)
	} else {
		out.inner = c.walk(from.from, `p.state`, branch{})
	}
	return out
}

// byTagging sorts the petitions of tags by their creation, which is in the index of the tag.
func (c conditions) byTagging(from source) sorting {
	keys := keyset.Order{Columns: []string{`pt.created`, `pt.petition_id`}, Desc: c.order.Direction == Desc, Micros: true}
	return sorting{keys: keys, inner: c.all(from.from, ``), at: new(sortMicros)}
}

// byTime sorts by a time that may be absent; petitions without it come last.
func (c conditions) byTime(column string, desc bool, from source, d database.Dialect) sorting {
	last, written := time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC), `'9999-12-31 23:59:59.999999+00:00'`
	if desc {
		last, written = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC), `'0001-01-01 00:00:00+00:00'`
	}
	if d == database.Postgres {
		written = `TIMESTAMPTZ ` + written
	}
	if from.few {
		key := `COALESCE(` + column + `, ` + written + `)`
		return sorting{keys: keyset.Order{Columns: []string{key, `p.id`}, Desc: desc}, inner: c.all(from.from, ``), at: &sortTime{}}
	}
	return sorting{
		keys: keyset.Order{Columns: []string{column, `p.id`}, Desc: desc},
		inner: c.walk(from.from, `p.state`,
			branch{where: ` AND ` + column + ` IS NOT NULL`},
			branch{where: ` AND ` + column + ` IS NULL`, key: written, last: &last}),
		at: &sortTime{},
	}
}

// byRank sorts by a column of the ranks, whose index contains the petition's id, for each state.
func (c conditions) byRank(column string, desc bool, from source, at sortValue) sorting {
	out := sorting{keys: keyset.Order{Columns: []string{column, `r.petition_id`}, Desc: desc}, at: at}
	if from.few {
		out.inner = c.all(from.from+` CROSS JOIN ranks AS r`, ` AND r.petition_id = p.id`)
	} else {
		out.inner = c.walk(`ranks AS r CROSS JOIN `+from.from, `r.state`, branch{where: c.inStates() + ` AND p.id = r.petition_id`})
	}
	return out
}

// all sorts all rows.
func (c conditions) all(from, on string) inner {
	return inner{from: from, branches: []branch{{where: c.inStates() + on}}}
}

// walk reads the list along indexes that are sorted within a state, which is in the given column: a page for each state
// and each part of the order.
func (c conditions) walk(from, column string, parts ...branch) inner {
	out := inner{from: from}
	for _, state := range c.states {
		for _, b := range parts {
			b.where += ` AND ` + column + ` = '` + string(state) + `'`
			out.branches = append(out.branches, b)
		}
	}
	if len(c.states) == 0 {
		out.branches = []branch{{where: ` AND FALSE`}}
	}
	return out
}
