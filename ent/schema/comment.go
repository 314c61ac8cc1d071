package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Comment is what somebody said under a petition, two levels deep at most. Only the ledger inserts it, since
// it moves counters.
type Comment struct{ ent.Schema }

// Fields of Comment.
func (Comment) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Comment("public"),
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("public"),
		field.UUID("parent_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("public"),
		field.Int("number").Immutable().Positive().
			Comment("internal: place in the petition's comments, given under the counter's lock; orders lists and live news"),
		field.String("author_name").Optional().Nillable().Comment("public: none means anonymous"),
		field.Bool("from_signatory").Default(false).Immutable().Comment("public"),
		field.Bytes("signatory").Optional().Nillable().Immutable().Sensitive().
			Comment("internal: HMAC of the signature's id, so that erasing finds the comment and nobody else can"),
		field.Text("body").Comment("public"),
		field.Enum("state").Values("VISIBLE", "HIDDEN").Default("VISIBLE").Comment("staff"),
		field.Int("likes").Default(0).NonNegative().Comment("public"),
		field.Int("replies").Default(0).NonNegative().Comment("public: visible comments that answer this one"),
		field.Time("created_at").Immutable().Comment("public"),
		field.Time("edited_at").Optional().Nillable().Comment("public"),
	}
}

// Edges of Comment.
func (Comment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("petition", Petition.Type).Ref("comments").Field("petition_id").Unique().Required().Immutable(),
		edge.To("answers", Comment.Type).From("parent").Field("parent_id").Unique().Immutable(),
	}
}

// Indexes of Comment: one for each list and order.
func (Comment) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("petition_id", "number").Unique(),
		index.Fields("petition_id", "number").StorageKey("comment_threads").
			Annotations(entsql.IndexWhere("parent_id IS NULL AND state = 'VISIBLE'")),
		index.Fields("petition_id", "likes", "number").StorageKey("comment_liked").
			Annotations(entsql.IndexWhere("parent_id IS NULL AND state = 'VISIBLE'")),
		index.Fields("parent_id", "number").StorageKey("comment_answers").
			Annotations(entsql.IndexWhere("state = 'VISIBLE'")),
		index.Fields("signatory").Annotations(entsql.IndexWhere("signatory IS NOT NULL")),
	}
}
