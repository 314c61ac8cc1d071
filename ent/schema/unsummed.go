package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// Unsummed names the petitions with signatures that are in no bucket, day or country yet. The counter says which.
type Unsummed struct{ ent.Schema }

// Annotations of Unsummed.
func (Unsummed) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "unsummed"}}
}

// Fields of Unsummed.
func (Unsummed) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).StorageKey("petition_id").Immutable().Comment("internal: the petition"),
	}
}
