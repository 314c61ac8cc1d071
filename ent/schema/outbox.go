package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Outbox holds what must be sent because something was committed: written by the same transaction, sent afterwards, at
// least once. A table beside it, outbox_paces, says when the next of a kind may be sent; ent does not know that one.
type Outbox struct{ ent.Schema }

// Annotations of Outbox.
func (Outbox) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "outbox"}}
}

// Fields of Outbox.
func (Outbox) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Comment("internal"),
		field.String("kind").Immutable().Comment("internal: which mail or call"),
		field.UUID("petition_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("internal: what it is about"),
		field.Bytes("payload").Immutable().Sensitive().Comment("internal: sealed"),
		field.Int("priority").Default(0).NonNegative().Immutable().Comment("internal: 0 if somebody waits, else 1"),
		field.Int("tries").Default(0).NonNegative().Comment("staff"),
		field.Time("due_at").Comment("staff: not before"),
		field.Time("parked_at").Optional().Nillable().Comment("staff: given up after too many tries"),
		field.Time("created_at").Immutable().Comment("staff"),
	}
}

// Indexes of Outbox.
func (Outbox) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("kind", "priority", "due_at", "id").StorageKey("outbox_due").Annotations(entsql.IndexWhere("parked_at IS NULL")),
		// Those that nobody has tried yet, so that a new one is found at once beside any number of others.
		index.Fields("kind", "due_at", "id").StorageKey("outbox_fresh").
			Annotations(entsql.IndexWhere("parked_at IS NULL AND priority = 0 AND tries = 0")),
		index.Fields("parked_at").StorageKey("outbox_parked").Annotations(entsql.IndexWhere("parked_at IS NOT NULL")),
	}
}
