package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Rank is the indexed, slightly late copy of a counter by which lists are ordered. An index on the counter
// itself would end its updates in place.
type Rank struct{ ent.Schema }

// Fields of Rank.
func (Rank) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).StorageKey("petition_id").Immutable().Comment("public: the petition"),
		field.Int("signatures").Default(0).Comment("public: the total at the last rewrite"),
		field.String("state").Default("DRAFT").
			Comment("public: the petition's, written with it; lists by rank walk along the petitions of each state"),
		field.Float("trending").Default(0).Comment("public by order alone: see Counter"),
	}
}

// Indexes of Rank.
func (Rank) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("state", "signatures", "id"),
		index.Fields("state", "trending", "id"),
	}
}
