package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// SignatureCountryBucket is the same by country, over all time. Country is empty where none was given.
type SignatureCountryBucket struct{ ent.Schema }

// Fields of SignatureCountryBucket.
func (SignatureCountryBucket) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("public"),
		field.String("country").Immutable().Comment("public from ten signatures on: ISO 3166-1 alpha-2 or empty"),
		field.Int("added").Default(0).NonNegative().Comment("as country"),
		field.Int("removed").Default(0).NonNegative().Comment("as country"),
	}
}

// Indexes of SignatureCountryBucket.
func (SignatureCountryBucket) Indexes() []ent.Index {
	return []ent.Index{index.Fields("petition_id", "country").Unique()}
}
