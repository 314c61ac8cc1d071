package petitioning

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/ent/petitiontag"
	"petitiond/ent/tag"
	"petitiond/server/text"
)

// tagsOf returns the tags of a petition as its author gave them.
func (t *tx) tagsOf(ctx context.Context, id uuid.UUID) ([]text.Tag, error) {
	rows, err := t.sql.QueryContext(ctx, `SELECT t.key, CASE pt.label WHEN '' THEN t.label ELSE pt.label END
 FROM petition_tags pt JOIN tags t ON t.id = pt.tag_id WHERE pt.petition_id = $1 ORDER BY pt.position`, id)
	if err != nil {
		return nil, fmt.Errorf("reading tags: %w", err)
	}
	defer rows.Close()
	var out []text.Tag
	for rows.Next() {
		var one text.Tag
		if err := rows.Scan(&one.Key, &one.Label); err != nil {
			return nil, fmt.Errorf("reading tags: %w", err)
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// setTags stores the tags of a petition in the given order, and creates new tags. The caller updates
// the tags' counts.
func (t *tx) setTags(ctx context.Context, id uuid.UUID, entries []text.Tag) error {
	if err := t.makeTags(ctx, entries); err != nil {
		return fmt.Errorf("making tags: %w", err)
	}
	if _, err := t.PetitionTag.Delete().Where(petitiontag.PetitionID(id)).Exec(ctx); err != nil {
		return err
	}
	if len(entries) == 0 {
		return nil
	}
	row, err := t.Petition.Query().Where(petition.ID(id)).Select(petition.FieldCreatedAt, petition.FieldState).Only(ctx)
	if err != nil {
		return err
	}
	for i, e := range entries {
		known, err := t.Tag.Query().Where(tag.Key(e.Key)).OnlyID(ctx)
		if err != nil {
			return err
		}
		err = t.PetitionTag.Create().SetPetitionID(id).SetTagID(known).SetLabel(e.Label).SetPosition(i).
			SetCreated(row.CreatedAt.UnixMicro()).SetState(string(row.State)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// makeTags creates the tags that there are not yet. One that has the key of another only by an earlier rule makes room
// for it first. In the order of keys, two transactions that create the same tags cannot deadlock.
func (t *tx) makeTags(ctx context.Context, entries []text.Tag) error {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b text.Tag) int { return strings.Compare(a.Key, b.Key) })
	keys := make([]string, len(sorted))
	for i, e := range sorted {
		keys[i] = e.Key
	}
	stale, err := t.Tag.Query().Where(tag.KeyIn(keys...), tag.KeyVersionLT(text.TagKeyVersion)).Order(tag.ByKey()).All(ctx)
	if err != nil {
		return err
	}
	for _, one := range stale {
		if err := t.rekey(ctx, one); err != nil {
			return err
		}
	}
	for _, e := range sorted {
		_, err := t.sql.ExecContext(ctx, `INSERT INTO tags (id, key, label, key_version, open_petitions) VALUES ($1, $2, $3, $4, 0)
 ON CONFLICT (key) DO NOTHING`, newID(), e.Key, e.Label, text.TagKeyVersion)
		if err != nil {
			return err
		}
	}
	return nil
}
