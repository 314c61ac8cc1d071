package petitioning

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/ent/slug"
	"petitiond/server/state"
	"petitiond/server/text"
)

// headline is what a petition's slug is made of.
type headline struct{ title, language string }

func (h headline) slug() string { return text.SlugOf(h.title, h.language) }

// draftSlug returns the slug of a draft with a title. It ends in characters made of the id, so that it does not take
// the plain one from anybody, and stays recognisable when the title changes.
func draftSlug(id uuid.UUID, of headline) string {
	return suffixed(of, id[len(id)-text.SlugSuffixBytes:]) // the end of a UUIDv7 is random
}

// suffixed returns the slug with a suffix, cut so that both fit.
func suffixed(of headline, suffix []byte) string {
	plain := of.slug()
	short := plain[:min(len(plain), text.SlugMax-len("-abcdefgh"))]
	return text.SlugWithSuffix(strings.TrimRight(short, "-"), suffix)
}

// takeSlug reserves a slug for a petition's title: that of a draft, or in a state in which links lead to the petition
// the plain one if no other petition ever had it, and else one that is as new: by its time it is known when the
// petition was published (see startedWhenPublished). A slug is never reused for another petition.
func (t *tx) takeSlug(ctx context.Context, id uuid.UUID, in petition.State, of headline, now time.Time) (string, error) {
	random := make([]byte, text.SlugSuffixBytes)
	rand.Read(random) // never fails
	// Two tries: 40 random bits are free, or something is wrong.
	names := []string{of.slug(), suffixed(of, random)}
	if !state.Linked(in) {
		names[0] = draftSlug(id, of)
	}
	for _, name := range names {
		// Written first and asked then: of two petitions that want the same name at once one waits here for the other.
		_, err := t.sql.ExecContext(ctx, `INSERT INTO slugs (slug, petition_id, created_at) VALUES ($1, $2, $3)
 ON CONFLICT (slug) DO NOTHING`, name, id, now)
		if err != nil {
			return "", fmt.Errorf("taking a slug: %w", err)
		}
		owner, err := t.Slug.Query().Where(slug.ID(name)).Only(ctx)
		if err != nil {
			return "", err
		}
		if owner.PetitionID == id {
			return name, nil
		}
	}
	return "", fmt.Errorf("taking a slug: a random one was taken")
}
