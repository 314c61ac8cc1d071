package reading_test

import (
	"testing"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/secret"
)

func TestSignatoryName(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		id, other := uuid.New(), uuid.New()
		sealed := b.Keys.Seal(secret.NameSeal, []byte("Ada"), id[:])
		for _, row := range []*ent.Signature{{ID: id, Name: &sealed}, {ID: id, ShowName: true}} {
			equal(t, "name that is not public", (*string)(nil), b.Reading.SignatoryName(t.Context(), row))
		}
		equal(t, "name", p("Ada"), b.Reading.SignatoryName(t.Context(), &ent.Signature{ID: id, ShowName: true, Name: &sealed}))
		moved := &ent.Signature{ID: other, ShowName: true, Name: &sealed}
		equal(t, "name that was moved to another row", (*string)(nil), b.Reading.SignatoryName(t.Context(), moved))
	})
}
