package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// Tag is a subject that petitions share.
type Tag struct{ ent.Schema }

// Fields of Tag.
func (Tag) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Comment("public"),
		// In the order of code points, as SQLite has it, whatever collation a PostgreSQL database was made with.
		field.String("key").Unique().Immutable().Comment("public: the normalised name that finds it"),
		field.String("label").Comment("public: as the first person wrote it"),
		field.Int("open_petitions").Default(0).NonNegative().Comment("public: petitions in state OPEN that bear it"),
	}
}

// Edges of Tag.
func (Tag) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("petitions", Petition.Type).Ref("tags").Through("petition_tags", PetitionTag.Type),
	}
}
