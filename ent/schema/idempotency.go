package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Idempotency remembers for 48 hours what was answered to a caller's key, so that a repeated request is
// answered and not carried out again.
type Idempotency struct{ ent.Schema }

// Annotations of Idempotency.
func (Idempotency) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "idempotency_keys"}}
}

// Fields of Idempotency.
func (Idempotency) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().Comment("internal: HMAC of mutation, caller and key, in base64url"),
		field.Bytes("input").Immutable().Sensitive().Comment("internal: HMAC of the input"),
		field.UUID("answer", uuid.UUID{}).Immutable().Comment("internal: id of the row that was made; answers are never kept rendered"),
		field.Time("created_at").Immutable().Comment("internal"),
	}
}

// Indexes of Idempotency: what is old is swept by time.
func (Idempotency) Indexes() []ent.Index {
	return []ent.Index{index.Fields("created_at")}
}
