package reading

import "petitiond/server/keyset"

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
