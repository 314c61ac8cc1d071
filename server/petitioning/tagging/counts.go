package tagging

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/ent/petitiontag"
	"petitiond/ent/tag"
	"petitiond/server/state"
)

// counts are what a petition adds to the numbers of open and of public petitions of its tags.
type counts struct{ open, public int }

// countsIn returns what it adds in a state.
func countsIn(s petition.State) (c counts) {
	if state.Signable(s) {
		c.open = 1
	}
	if state.Public(s) {
		c.public = 1
	}
	return c
}

// tagging is a tag of a petition, with the label under which the petition has it.
type tagging struct {
	tag   uuid.UUID
	label string
}

// taggings returns those of a petition.
func (t Tags) taggings(ctx context.Context, petition uuid.UUID) ([]tagging, error) {
	// Not in an order: what is counted is added up by tag first.
	rows, err := t.PetitionTag.Query().Where(petitiontag.PetitionID(petition)).All(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]tagging, len(rows))
	for i, row := range rows {
		out[i] = tagging{row.TagID, row.Label}
	}
	return out, nil
}

// count adds to the numbers of tags and of their labels, for so many petitions of each. Rows of tags are locked by
// nothing else, once in a transaction and in the order of keys: two transactions with the same tags then wait for each
// other in turn, and never both for each other. New tags are made before, when a transaction holds none of these locks
// yet.
func (t Tags) count(ctx context.Context, petitions map[tagging]int, each counts) error {
	if each == (counts{}) {
		return nil
	}
	// By tag, since each tag's row is written once, whatever the labels.
	labels := map[uuid.UUID]map[string]int{}
	for one, n := range petitions {
		if n != 0 {
			if labels[one.tag] == nil {
				labels[one.tag] = map[string]int{}
			}
			labels[one.tag][one.label] += n
		}
	}
	ids, err := t.Tag.Query().Where(tag.IDIn(slices.Collect(maps.Keys(labels))...)).Order(tag.ByKey()).IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		n := 0
		// Of one tag a petition has one label, so that the labels add up to the petitions.
		for _, of := range labels[id] {
			n += of
		}
		// The tag comes first, even if the number stays: who holds its row is alone with its labels.
		err := t.Tag.UpdateOneID(id).AddOpenPetitions(n * each.open).AddPublicPetitions(n * each.public).Exec(ctx)
		if err != nil {
			return err
		}
		if each.public == 0 {
			continue
		}
		if err := t.countLabels(ctx, id, labels[id], each.public); err != nil {
			return fmt.Errorf("counting labels: %w", err)
		}
	}
	return nil
}

// countLabels adds to the numbers of public petitions that write a tag in some ways, and lets the tag itself be shown
// as most of them write it. What a replica of an earlier version has not stored is left to Store.Recount.
func (t Tags) countLabels(ctx context.Context, id uuid.UUID, labels map[string]int, public int) error {
	// In no order: who holds the row of the tag is alone with its labels.
	for label, n := range labels {
		if label == "" { // a replica of an earlier version has stored none
			continue
		}
		_, err := t.sql.ExecContext(ctx, `INSERT INTO tag_labels (tag_id, label, public_petitions) VALUES ($1, $2, $3)
 ON CONFLICT (tag_id, label) DO UPDATE SET public_petitions = tag_labels.public_petitions + excluded.public_petitions`, id, label, n*public)
		if err != nil {
			return err
		}
	}
	_, err := t.sql.ExecContext(ctx, relabel.mend()+` AND id = $1`, id)
	return err
}

// relabel gives tags the label that most public petitions use. Where several are used alike, the present one stays.
var relabel = repair{
	table: `tags`,
	set: `label = (SELECT l.label FROM tag_labels AS l WHERE l.tag_id = tags.id
  ORDER BY l.public_petitions DESC, l.label DESC LIMIT 1)`,
	where: `(SELECT MAX(l.public_petitions) FROM tag_labels AS l WHERE l.tag_id = tags.id) >
  COALESCE((SELECT l.public_petitions FROM tag_labels AS l WHERE l.tag_id = tags.id AND l.label = tags.label), 0)`,
}
