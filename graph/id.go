package graph

import (
	"github.com/google/uuid"

	"petitiond/graph/scalar"
	"petitiond/server/reading"
)

// identify gives the public id of a row.
func identify(tag byte, key uuid.UUID) *scalar.ID {
	id := scalar.NewID(tag, key)
	return &id
}

// petitionKey gives the key of a petition's id, and one that no petition has for any other id: malformed,
// unknown and wrong ids are one thing.
func petitionKey(id scalar.ID) uuid.UUID {
	if !id.Is(scalar.Petition) {
		return uuid.Nil
	}
	return id.UUID
}

func commentKey(id *scalar.ID) *uuid.UUID {
	if id == nil {
		return nil
	}
	if !id.Is(scalar.Comment) {
		return &uuid.Nil
	}
	return &id.UUID
}

// rowsOf returns what an argument with a list of ids names, if it names as many as one may.
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
