package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Signature is one person's name under one petition. Name and address are sealed, and the address is known
// only by a digest that cannot be linked over petitions; all three are nullable, because anonymising keeps
// the row as a number. Only the ledger writes it.
type Signature struct{ ent.Schema }

// Fields of Signature.
func (Signature) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Comment("public where the name is public, else internal"),
		field.UUID("petition_id", uuid.UUID{}).Immutable().Comment("public"),
		field.Int("number").Optional().Nillable().Positive().
			Comment("public with the name: given when the signature counts, without gaps, never twice"),
		field.Enum("state").Values("PENDING", "COUNTED", "INVALIDATED").Comment("staff"),
		field.Bytes("digest").Optional().Nillable().Sensitive().
			Comment("internal: HMAC of petition and canonical address, 16 bytes"),
		field.Bytes("name").Optional().Nillable().Sensitive().Comment("internal: sealed; public once opened if show_name"),
		field.Bytes("address").Optional().Nillable().Sensitive().Comment("internal: sealed"),
		field.Bool("show_name").Comment("staff: did the signatory agree to a public name"),
		field.String("country").Optional().Nillable().Comment("public with the name: ISO 3166-1 alpha-2"),
		field.String("locale").Optional().Nillable().Comment("internal: language of mails, BCP 47"),
		field.String("statement_version").Optional().Nillable().Comment("staff: the consent text that was shown"),
		field.Time("signed_at").Immutable().Comment("public with the name"),
		field.Bytes("token").Optional().Nillable().Sensitive().
			Comment("internal: digest of the token in the signatory's mails, which confirms and withdraws"),
		field.Bytes("code").Optional().Nillable().Sensitive().
			Comment("internal: digest of the code that confirms as the token does"),
		field.Bytes("reason").Optional().Nillable().Sensitive().
			Comment("internal: sealed; the comment that this signature brings with it when it counts"),
		field.Bool("updates").Default(false).Comment("staff: did the signatory agree to news by mail"),
		field.Time("confirmed_at").Optional().Nillable().Comment("staff: when the mailbox confirmed it; none if none had to"),
		field.Int16("mails").Default(0).NonNegative().Comment("internal: how many mails ask for the confirmation"),
		field.Time("mailed_at").Optional().Nillable().Comment("internal: when the last one of them was written"),
		field.Time("reminded_at").Optional().Nillable().Comment("internal: when the reminder was written"),
	}
}

// Edges of Signature.
func (Signature) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("petition", Petition.Type).Ref("signatures").Field("petition_id").Unique().Required().Immutable(),
	}
}

// Indexes of Signature: the two keys that guard the count, the public list, and what those are found by that wait for
// their mailbox.
func (Signature) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("digest").Unique(),
		index.Fields("petition_id", "number").Unique(),
		index.Fields("petition_id", "number").StorageKey("signature_public").
			Annotations(entsql.IndexWhere("show_name AND state = 'COUNTED'")),
		index.Fields("token").Unique().Annotations(entsql.IndexWhere("token IS NOT NULL")),
		index.Fields("code").Unique().Annotations(entsql.IndexWhere("code IS NOT NULL")),
		index.Fields("signed_at", "id").StorageKey("signature_pending").
			Annotations(entsql.IndexWhere("state = 'PENDING'")),
		index.Fields("signed_at", "id").StorageKey("signature_unreminded").
			Annotations(entsql.IndexWhere("state = 'PENDING' AND reminded_at IS NULL")),
	}
}
