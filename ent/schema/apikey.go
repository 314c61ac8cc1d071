package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// ApiKey is the credential of a partner's program. Only its SHA-256 is kept.
type ApiKey struct{ ent.Schema }

// Fields of ApiKey.
func (ApiKey) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Comment("staff"),
		field.String("name").Comment("staff: whose it is"),
		field.Bytes("hash").Unique().Immutable().Sensitive().Comment("internal: SHA-256 of the secret"),
		field.Strings("scopes").Comment("staff: what it may do"),
		field.Time("created_at").Immutable().Comment("staff"),
		field.Time("expires_at").Optional().Nillable().Comment("staff: none means never"),
		field.Time("revoked_at").Optional().Nillable().Comment("staff"),
	}
}
