package petitioning

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/ent/petitiontag"
	"petitiond/ent/tag"
	"petitiond/server/state"
	"petitiond/server/text"
)

// tagsOf returns the tags of a petition as its author gave them.
func (t *tx) tagsOf(ctx context.Context, id uuid.UUID) ([]text.Tag, error) {
	rows, err := t.sql.QueryContext(ctx, `SELECT t.key, t.label FROM petition_tags pt JOIN tags t ON t.id = pt.tag_id
 WHERE pt.petition_id = $1 ORDER BY pt.position`, id)
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
	// In the order of keys: two transactions that create the same tags cannot deadlock.
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b text.Tag) int { return strings.Compare(a.Key, b.Key) })
	for _, e := range sorted {
		_, err := t.sql.ExecContext(ctx, `INSERT INTO tags (id, key, label, open_petitions) VALUES ($1, $2, $3, 0)
 ON CONFLICT (key) DO NOTHING`, newID(), e.Key, e.Label)
		if err != nil {
			return fmt.Errorf("making a tag: %w", err)
		}
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
		err = t.PetitionTag.Create().SetPetitionID(id).SetTagID(known).SetPosition(i).
			SetCreated(row.CreatedAt.UnixMicro()).SetState(string(row.State)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// tagCounts are what a petition adds to the numbers of open and of public petitions of its tags.
type tagCounts struct{ open, public int }

func tagCountsIn(s petition.State) (c tagCounts) {
	if state.Signable(s) {
		c.open = 1
	}
	if state.Public(s) {
		c.public = 1
	}
	return c
}

// tagIDs returns the tags of a petition.
func (t *tx) tagIDs(ctx context.Context, petition uuid.UUID) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := t.PetitionTag.Query().Where(petitiontag.PetitionID(petition)).Select(petitiontag.FieldTagID).Scan(ctx, &ids)
	return ids, err
}

// countTags adds to the numbers of tags, for so many petitions of each. Rows of tags are locked by nothing else, once in
// a transaction and in the order of keys: two transactions with the same tags then wait for each other in turn, and never
// both for each other. New tags are made before, when a transaction holds none of these locks yet.
func (t *tx) countTags(ctx context.Context, petitions map[uuid.UUID]int, each tagCounts) error {
	if each == (tagCounts{}) {
		return nil
	}
	maps.DeleteFunc(petitions, func(_ uuid.UUID, n int) bool { return n == 0 })
	ids, err := t.Tag.Query().Where(tag.IDIn(slices.Collect(maps.Keys(petitions))...)).Order(tag.ByKey()).IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		n := petitions[id]
		err := t.Tag.UpdateOneID(id).AddOpenPetitions(n * each.open).AddPublicPetitions(n * each.public).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// recountTags corrects the states beside tags, and the tags' numbers of open and of public petitions, where they are
// wrong: a replica of an earlier version does not write them. What is right as a statement begins is not written, even
// if a petition changes meanwhile; what was wrong and changes meanwhile is left for the next call.
func (s *Service) recountTags(ctx context.Context) error {
	for _, text := range []string{
		`UPDATE petition_tags SET state = p.state FROM petitions AS p
 WHERE p.id = petition_tags.petition_id AND petition_tags.state <> p.state`,
		`UPDATE tags SET open_petitions = n.open, public_petitions = n.public FROM (
  SELECT t.id, SUM(CASE WHEN pt.state IN ` + state.SignableSQL + ` THEN 1 ELSE 0 END) AS open,
   SUM(CASE WHEN pt.state IN ` + state.PublicSQL + ` THEN 1 ELSE 0 END) AS public
  FROM tags AS t LEFT JOIN petition_tags AS pt ON pt.tag_id = t.id GROUP BY t.id) AS n
 WHERE n.id = tags.id AND (tags.open_petitions <> n.open OR tags.public_petitions <> n.public)`,
	} {
		err := s.inTx(ctx, func(t *tx) error {
			_, err := t.sql.ExecContext(ctx, text)
			return err
		})
		if err != nil {
			return fmt.Errorf("recounting the petitions of tags: %w", err)
		}
	}
	return nil
}
