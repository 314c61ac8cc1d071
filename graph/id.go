package graph

import (
	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/reading"
)

// identify returns the public id of a row.
func identify(tag byte, key uuid.UUID) *scalar.ID {
	id := scalar.NewID(tag, key)
	return &id
}

// petitionKey returns the key of a petition's id, and for any other id a key that no petition has: malformed, unknown
// and wrong ids are treated alike.
func petitionKey(id scalar.ID) uuid.UUID {
	if !id.Is(scalar.Petition) {
		return uuid.Nil
	}
	return id.UUID
}

// commentKey returns the key of a comment that an argument names, or nil if it names none.
func commentKey(id *scalar.ID) *uuid.UUID {
	if id == nil {
		return nil
	}
	if !id.Is(scalar.Comment) {
		// Not nil: a reply to what is no comment would become a comment of its own.
		return &uuid.Nil
	}
	return &id.UUID
}

// rowsOf returns the ids in an argument, if their number is allowed.
func rowsOf(ids []*scalar.ID, argument string, least int) ([]scalar.ID, error) {
	if err := reading.CheckIDs(argument, least, len(ids)); err != nil {
		return nil, err
	}
	out := make([]scalar.ID, len(ids))
	for i, id := range ids {
		out[i] = *id
	}
	return out, nil
}
