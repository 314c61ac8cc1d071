package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Petition is what people sign. What moves with every signature stands in Counter, so that this wide row
// is written only when somebody edits it.
type Petition struct{ ent.Schema }

// Fields of Petition.
func (Petition) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable(),
		field.String("slug").Unique().Comment("public: the present slug; earlier ones stand in Slug"),
		field.String("title").Comment("public"),
		field.String("summary").Default("").Comment("public"),
		field.Text("body").Comment("public: Markdown as it was written"),
		field.String("image_url").Optional().Nillable().Comment("public: an https address that is loaded by nobody here"),
		field.String("language").Comment("public: BCP 47"),
		field.Strings("addressees").Comment("public: who is asked"),
		field.Enum("state").
			Values("DRAFT", "IN_REVIEW", "REJECTED", "OPEN", "PAUSED", "CLOSED", "ARCHIVED", "HIDDEN").
			Comment("public: decides who sees the petition and what may be done with it"),
		field.Enum("outcome").
			Values("ANSWERED", "PARTIAL_VICTORY", "VICTORY", "REFUSED", "WITHDRAWN").
			Optional().Nillable().Comment("public"),
		field.String("petitioner").Comment("public: display name"),
		field.Bytes("petitioner_address").Optional().Nillable().Sensitive().
			Comment("internal: sealed e-mail address"),
		field.Time("starts_at").Optional().Nillable().Comment("public"),
		field.Time("ends_at").Optional().Nillable().Comment("public"),
		field.Time("closed_at").Optional().Nillable().Comment("public"),
		field.Time("created_at").Immutable().Comment("public"),
		field.Time("updated_at").Comment("public"),
		field.Int("version").Default(1).Comment("public: grows with every edit"),
	}
}

// Edges of Petition.
func (Petition) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("slugs", Slug.Type),
		edge.To("signatures", Signature.Type),
		edge.To("comments", Comment.Type),
		edge.To("tags", Tag.Type).Through("petition_tags", PetitionTag.Type),
	}
}

// Indexes of Petition: one for each order of the public list, and one to look at many petitions by their ids. Each
// holds what lists are filtered by beside its order, so that the wide rows are read of a page's petitions alone.
func (Petition) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("state", "created_at", "id", "language", "starts_at", "ends_at").StorageKey("petition_created"),
		index.Fields("state", "starts_at", "id", "language", "ends_at").StorageKey("petition_started"),
		index.Fields("state", "ends_at", "id", "language", "starts_at").StorageKey("petition_ending"),
		index.Fields("state").StorageKey("petition_state"), // small, for counting
		index.Fields("id", "state", "language", "created_at", "starts_at", "ends_at").StorageKey("petition_listed"),
	}
}
