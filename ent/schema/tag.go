package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
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
		field.Int("key_version").Default(0).Comment("public by order alone: the version of the rule that made the key"),
		field.String("former_key").Optional().Nillable().Immutable().
			Comment("public: the key by an earlier rule, which finds the tag where no other has it"),
		field.String("label").Comment("public: as most public petitions write it, or as the first person wrote it"),
		field.Int("open_petitions").Default(0).NonNegative().Comment("public: petitions in state OPEN that bear it"),
		field.Int("public_petitions").Default(0).NonNegative().
			Comment("public: petitions that everybody sees and that bear it; a tag that has none is nobody's to see but theirs who see a draft with it"),
	}
}

// Edges of Tag.
func (Tag) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("petitions", Petition.Type).Ref("tags").Through("petition_tags", PetitionTag.Type),
	}
}

// Indexes of Tag: lists of tags walk along those that everybody sees, and not past those of drafts. The others find
// former keys, and keys that are to be made again.
func (Tag) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("key").StorageKey("tag_public").Annotations(entsql.IndexWhere("public_petitions > 0")),
		index.Fields("former_key").StorageKey("tag_former_key").Annotations(entsql.IndexWhere("former_key IS NOT NULL")),
		index.Fields("key_version").StorageKey("tag_key_version"),
	}
}
