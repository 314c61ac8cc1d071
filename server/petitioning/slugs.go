package petitioning

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/slug"
	"petitiond/server/text"
)

// draftSlug returns the slug of a draft, to which nobody has a link yet.
func draftSlug(title, language string) string {
	random := make([]byte, text.SlugSuffixBytes)
	rand.Read(random) // never fails
	plain := text.SlugOf(title, language)
	short := plain[:min(len(plain), text.SlugMax-len("-abcdefgh"))]
	return text.SlugWithSuffix(strings.TrimRight(short, "-"), random)
}

// takeSlug reserves a slug for a petition's title: the plain one if no other petition ever had it. A slug is never
// reused for another petition.
func (t *tx) takeSlug(ctx context.Context, id uuid.UUID, title, language string, now time.Time) (string, error) {
	plain := text.SlugOf(title, language)
	for _, name := range []string{plain, draftSlug(title, language), draftSlug(title, language)} {
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
	return "", fmt.Errorf("taking a slug: two random ones were taken")
}
