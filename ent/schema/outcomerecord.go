package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// OutcomeRecord is an outcome that was recorded for a petition. The petition itself has the newest; another one does
// not overwrite what was published before.
type OutcomeRecord struct{ ent.Schema }

// Fields of OutcomeRecord.
func (OutcomeRecord) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Comment("internal"),
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("staff"),
		field.String("outcome").Immutable().Comment("staff: as in Petition"),
		field.Int("version").Immutable().Comment("staff: of the petition, from which on it had this outcome"),
		field.Time("recorded_at").Immutable().Comment("staff"),
	}
}

// Indexes of OutcomeRecord.
func (OutcomeRecord) Indexes() []ent.Index {
	return []ent.Index{index.Fields("petition_id", "version").Unique()}
}
