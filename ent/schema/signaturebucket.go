package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// SignatureBucket says how many signatures of a petition were added and taken back in one minute, or in one
// hour into which minutes that have aged were folded. The transaction that moves the count moves the bucket, or has
// the counter say which signatures are in none yet: their number and the sum over a petition are always its total.
type SignatureBucket struct{ ent.Schema }

// Fields of SignatureBucket.
func (SignatureBucket) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("public"),
		field.Int("span").Immutable().Default(1).Range(1, 60).Comment("public: minutes that the row is of, 1 or 60"),
		field.Int64("minute").Immutable().Comment("public: its first minute, since 1970-01-01 00:00 UTC"),
		field.Int("added").Default(0).NonNegative().Comment("public"),
		field.Int("removed").Default(0).NonNegative().Comment("public"),
	}
}

// Indexes of SignatureBucket: by petition for histories, by minute for what is lively now and for what has aged.
func (SignatureBucket) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("petition_id", "span", "minute").Unique(),
		index.Fields("span", "minute"),
	}
}
