package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Outbox holds what must be sent because something was committed: written by the same transaction, sent
// afterwards, at least once.
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
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("internal"),
		field.Bytes("payload").Immutable().Sensitive().Comment("internal: sealed"),
		field.Int("tries").Default(0).NonNegative().Comment("staff"),
		field.Time("due_at").Comment("staff: not before"),
		field.Time("parked_at").Optional().Nillable().Comment("staff: given up after too many tries"),
		field.Time("created_at").Immutable().Comment("staff"),
	}
}

// Indexes of Outbox.
func (Outbox) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("due_at", "id").StorageKey("outbox_due").Annotations(entsql.IndexWhere("parked_at IS NULL")),
	}
}
