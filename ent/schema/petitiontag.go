package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// PetitionTag says that a petition bears a tag, and at which place.
type PetitionTag struct{ ent.Schema }

// Annotations of PetitionTag: the pair is the key.
func (PetitionTag) Annotations() []schema.Annotation {
	return []schema.Annotation{field.ID("petition_id", "tag_id")}
}

// Fields of PetitionTag.
func (PetitionTag) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("petition_id", uuid.UUID{}).Comment("public"),
		field.UUID("tag_id", uuid.UUID{}).Comment("public"),
		field.Int64("created").Default(0).
			Comment("public: when the petition was created, in microseconds since 1970; a tag's petitions are listed by it"),
		field.String("state").Default("DRAFT").
			Comment("public by order alone: the petition's state, so that a list walks along the petitions in its states alone"),
		field.String("label").Default("").Comment("public: the tag as the petition's author wrote it; empty: as tags has it"),
		field.Int("position").Default(0).Comment("public by order alone: place among the petition's tags"),
	}
}

// Edges of PetitionTag.
func (PetitionTag) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("petition", Petition.Type).Field("petition_id").Unique().Required(),
		edge.To("tag", Tag.Type).Field("tag_id").Unique().Required(),
	}
}

// Indexes of PetitionTag. The second is empty as a rule, and finds what a replica of an earlier version has written.
func (PetitionTag) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("tag_id", "state", "created", "petition_id").StorageKey("petitiontag_listed"),
		index.Fields("tag_id").StorageKey("petitiontag_unlabelled").Annotations(entsql.IndexWhere("label = ''")),
	}
}
