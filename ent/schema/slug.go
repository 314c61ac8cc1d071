package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Slug is a name in a petition's address, present or past. A slug is never given to another petition.
type Slug struct{ ent.Schema }

// Fields of Slug.
func (Slug) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").StorageKey("slug").Immutable().Comment("public: the slug itself"),
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("public"),
		field.Time("created_at").Immutable().Comment("public"),
	}
}

// Edges of Slug.
func (Slug) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("petition", Petition.Type).Ref("slugs").Field("petition_id").Unique().Required().Immutable(),
	}
}

// Indexes of Slug.
func (Slug) Indexes() []ent.Index {
	return []ent.Index{index.Fields("petition_id")}
}
