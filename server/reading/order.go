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
	return sorting{keys: keyset.Order{Columns: []string{`p.created_at`, `p.id`}, Desc: desc}, inner: c.lists(from, branch{}), at: &sortTime{}}
}

// byTagging sorts the petitions of tags by their creation, which is in the index of the tag.
func (c conditions) byTagging(from source) sorting {
	keys := keyset.Order{Columns: []string{`pt.created`, `pt.petition_id`}, Desc: c.order.Direction == Desc, Micros: true}
	return sorting{keys: keys, inner: c.lists(from, branch{}), at: new(sortMicros)}
}

// byTime sorts by a time that may be absent; petitions without it come last.
func (c conditions) byTime(column string, desc bool, from source, d database.Dialect) sorting {
	// A key for those that have none, beyond every time that can be given: a cursor has to hold one, and must be
	// comparable with all others.
	last, written := time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC), `'9999-12-31 23:59:59.999999+00:00'`
	if desc {
		last, written = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC), `'0001-01-01 00:00:00+00:00'`
	}
	if d == database.Postgres {
		written = `TIMESTAMPTZ ` + written
	}
	if from.few {
		// All of them are sorted, so that an index of the column is of no use anyway.
		key := `COALESCE(` + column + `, ` + written + `)`
		return sorting{keys: keyset.Order{Columns: []string{key, `p.id`}, Desc: desc}, inner: c.lists(from, branch{}), at: &sortTime{}}
	}
	return sorting{
		keys: keyset.Order{Columns: []string{column, `p.id`}, Desc: desc},
		inner: c.lists(from,
			branch{place: place{where: ` AND ` + column + ` IS NOT NULL`}},
			branch{place: place{where: ` AND ` + column + ` IS NULL`}, key: written, last: &last}),
		at: &sortTime{},
	}
}

// byRank sorts by a column of the ranks, whose index contains the petition's id, for each state.
func (c conditions) byRank(column string, desc bool, from source, at sortValue) sorting {
	// Joined behind the petitions where these are few, and before them where the index of ranks gives the order.
	ranked := func(p place) place {
		if p.from == "" {
			return p
		}
		return place{p.from + ` CROSS JOIN ranks AS r`, p.where + ` AND r.petition_id = p.id`}
	}
	from.mine = ranked(from.mine)
	if from.few {
		from.place = ranked(from.place)
	} else {
		from.place = place{`ranks AS r CROSS JOIN ` + from.from, from.where + c.inStates() + ` AND p.id = r.petition_id`}
	}
	out := sorting{keys: keyset.Order{Columns: []string{column, `r.petition_id`}, Desc: desc}, at: at}
	out.inner = c.listsBy(`r.state`, from, branch{})
	return out
}

// lists returns the lists that make up that of a source, each with every part of the order.
func (c conditions) lists(from source, parts ...branch) inner {
	return c.listsBy(`p.state`, from, parts...)
}

// listsBy returns all rows of a source as one list if they are few. Otherwise they are walked along indexes that are
// sorted within a state, which is in the given column: there is a list for each state. The viewer's own petitions are
// one more.
func (c conditions) listsBy(column string, from source, parts ...branch) inner {
	var out inner
	add := func(at place, states string) {
		for _, b := range parts {
			b.place = place{at.from, at.where + b.where + states}
			out = append(out, b)
		}
	}
	if from.few || len(c.states)+len(c.ownIn) == 0 {
		add(from.place, c.inStates())
	} else {
		for _, state := range c.states {
			add(from.place, ` AND `+column+` = '`+string(state)+`'`)
		}
	}
	if from.mine.from != "" {
		add(from.mine, in(`p.state`, c.ownIn))
	}
	return out
}
