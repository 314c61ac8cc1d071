package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Token is a secret that was handed to one person for one purpose. Only its SHA-256 is kept.
type Token struct{ ent.Schema }

// Fields of Token.
func (Token) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Comment("internal"),
		field.Bytes("hash").Unique().Immutable().Sensitive().Comment("internal: SHA-256 of the token"),
		field.Enum("purpose").Values("EDIT").Immutable().Comment("internal: what it opens"),
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("internal: for which petition"),
		field.Time("created_at").Immutable().Comment("internal"),
		field.Time("expires_at").Optional().Nillable().Comment("internal: none means never"),
		field.Time("used_at").Optional().Nillable().Comment("internal"),
	}
}

// Indexes of Token.
func (Token) Indexes() []ent.Index {
	return []ent.Index{index.Fields("petition_id")}
}
