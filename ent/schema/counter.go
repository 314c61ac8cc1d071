package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// Counter holds the figures of one petition and is the lock of everything that moves them: who changes a
// figure, the state, the end or the goal locks this row first. The row is narrow, keyed by the petition
// and has no further index, so that PostgreSQL updates it in place. Only the ledger writes it.
type Counter struct{ ent.Schema }

// Fields of Counter.
func (Counter) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).StorageKey("petition_id").Immutable().Comment("public: the petition"),
		field.Int("total").Default(0).NonNegative().Comment("public: signatures that count"),
		field.Int("issued").Default(0).NonNegative().Comment("internal: last number given; never lowered"),
		field.Int64("version").Default(0).Comment("public: grows with every change of total or goal"),
		field.Time("as_of").
			Comment("public: when version was written; never earlier than the one before, unless that one lay in the future"),
		field.Int("goal").Positive().Comment("public"),
		field.Int("pending").Default(0).NonNegative().Comment("staff: signatures that wait for their mailbox"),
		field.Int("named").Default(0).NonNegative().Comment("public: counted signatures with a public name"),
		field.Int("threads").Default(0).NonNegative().Comment("public: visible comments that answer no other"),
		field.Int("comments").Default(0).NonNegative().Comment("public: visible comments, replies among them"),
		field.Int("comments_issued").Default(0).NonNegative().Comment("internal: last comment number given"),
		field.Float("trending").Default(0).
			Comment("public by order alone: log2 of the sum over signatures of 2^((t-t0)/6 h); 0 while there is none"),
		field.Int("unsummed_after").Default(0).NonNegative().
			Comment("internal: signatures with numbers above it, up to unsummed_to, are in no sum yet"),
		field.Int("unsummed_to").Default(0).NonNegative().Comment("internal: see unsummed_after"),
		field.Bool("accepting").Default(false).Comment("internal: may signatures be written"),
		field.Time("since").Optional().Nillable().Comment("internal: start of accepting, the petition's startsAt"),
		field.Time("until").Optional().Nillable().Comment("internal: end of accepting, the petition's endsAt"),
	}
}
