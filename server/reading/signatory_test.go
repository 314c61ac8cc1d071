package reading_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
	"petitiond/server/secret"
	"petitiond/server/sitetest"
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

// Damaged names are null, and of however many the log says so once a minute, without a word of theirs.
func TestDamagedNamesAreLoggedRarely(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		var log bytes.Buffer
		b := sitetest.New(t, db, func(o *petitioning.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		id, sealed := uuid.New(), sitetest.KeysOf(t, 8).Seal(secret.NameSeal, []byte("Canary"), nil)
		row := &ent.Signature{ID: id, ShowName: true, Name: &sealed}
		read := func(times int) (lines []string) {
			log.Reset()
			for range times {
				equal(t, "name", (*string)(nil), b.Reading.SignatoryName(t.Context(), row))
			}
			return strings.Split(strings.TrimSpace(log.String()), "\n")
		}
		first := read(100)
		if len(first) != 1 || !strings.Contains(first[0], "names=1") || !strings.Contains(first[0], "level=ERROR") {
			t.Errorf("of 100 names: %q, want one line about the first", first)
		}
		b.Clock.Advance(time.Minute)
		later := read(100)
		if len(later) != 1 || !strings.Contains(later[0], "names=100") { // 99 of before, and one
			t.Errorf("a minute later: %q, want one line about those of before", later)
		}
		for _, line := range append(first, later...) {
			if strings.Contains(line, "Canary") || strings.Contains(line, id.String()) {
				t.Errorf("the log tells who: %s", line)
			}
		}
	})
}
