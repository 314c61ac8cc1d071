package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// SignatureDay is the same by day, for long histories: its sum over a petition is the total as well.
type SignatureDay struct{ ent.Schema }

// Fields of SignatureDay.
func (SignatureDay) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("public"),
		field.Int64("day").Immutable().Comment("public: its first minute, since 1970-01-01 00:00 UTC"),
		field.Int("added").Default(0).NonNegative().Comment("public"),
		field.Int("removed").Default(0).NonNegative().Comment("public"),
	}
}

// Indexes of SignatureDay.
func (SignatureDay) Indexes() []ent.Index {
	return []ent.Index{index.Fields("petition_id", "day").Unique()}
}
