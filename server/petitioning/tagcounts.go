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
)

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

// tagging is a tag of a petition, with the label under which the petition has it.
type tagging struct {
	tag   uuid.UUID
	label string
}

// taggings returns those of a petition.
func (t *tx) taggings(ctx context.Context, petition uuid.UUID) ([]tagging, error) {
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

// countTags adds to the numbers of tags and of their labels, for so many petitions of each. Rows of tags are locked by
// nothing else, once in a transaction and in the order of keys: two transactions with the same tags then wait for each
// other in turn, and never both for each other. New tags are made before, when a transaction holds none of these locks
// yet.
func (t *tx) countTags(ctx context.Context, petitions map[tagging]int, each tagCounts) error {
	if each == (tagCounts{}) {
		return nil
	}
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
// as most of them write it. What a replica of an earlier version has not stored is left to recountTags.
func (t *tx) countLabels(ctx context.Context, id uuid.UUID, labels map[string]int, public int) error {
	for label, n := range labels {
		if label == "" {
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

// repair corrects what stands beside tags. What is right as it begins is not written, even if a petition changes
// meanwhile; what was wrong and changes meanwhile is left for the next time.
type repair struct{ table, set, from, where string }

// wrong returns the statement that finds out whether there is anything to correct. On SQLite it lets others write.
func (r repair) wrong() string {
	return `SELECT EXISTS (SELECT 1 FROM ` + strings.TrimSuffix(r.table+`, `+r.from, `, `) + ` WHERE ` + r.where + `)`
}

func (r repair) mend() string {
	from := ``
	if r.from != `` {
		from = ` FROM ` + r.from
	}
	return `UPDATE ` + r.table + ` SET ` + r.set + from + ` WHERE ` + r.where
}

// What a replica of an earlier version does not write: the states beside tags, and the tags' numbers of open and of
// public petitions.
var (
	restateTags = repair{
		`petition_tags`, `state = p.state`, `petitions AS p`, `p.id = petition_tags.petition_id AND petition_tags.state <> p.state`,
	}
	recountPetitions = repair{
		`tags`, `open_petitions = n.open, public_petitions = n.public`,
		`(SELECT t.id, SUM(CASE WHEN pt.state IN ` + state.SignableSQL + ` THEN 1 ELSE 0 END) AS open,
  SUM(CASE WHEN pt.state IN ` + state.PublicSQL + ` THEN 1 ELSE 0 END) AS public
  FROM tags AS t LEFT JOIN petition_tags AS pt ON pt.tag_id = t.id GROUP BY t.id) AS n`,
		`n.id = tags.id AND (tags.open_petitions <> n.open OR tags.public_petitions <> n.public)`,
	}
)

// recountTags makes keys again that an earlier rule has made, and corrects what stands beside tags, where it is wrong.
func (s *Service) recountTags(ctx context.Context) error {
	for _, do := range []func(context.Context) error{
		s.rekeyTags, s.repairing(restateTags), s.repairing(recountPetitions), s.recountLabels, s.repairing(relabel),
	} {
		if err := do(ctx); err != nil {
			return fmt.Errorf("comparing tags: %w", err)
		}
	}
	return nil
}

func (s *Service) repairing(r repair) func(context.Context) error {
	return func(ctx context.Context) error {
		wrong := false
		if err := newest(s.db).QueryRowContext(ctx, r.wrong()).Scan(&wrong); err != nil || !wrong {
			return err
		}
		return s.inTx(ctx, func(t *tx) error {
			_, err := t.sql.ExecContext(ctx, r.mend())
			return err
		})
	}
}

// recountLabels counts the labels of tags again whose petitions they do not add up to, or to which a replica of an
// earlier version has written a petition without a label: that one shows the tag as the tag is shown at the moment.
func (s *Service) recountLabels(ctx context.Context) error {
	rows, err := newest(s.db).QueryContext(ctx, `SELECT pt.tag_id FROM petition_tags AS pt WHERE pt.label = '' UNION
 SELECT t.id FROM tags AS t LEFT JOIN (SELECT l.tag_id, SUM(l.public_petitions) AS public FROM tag_labels AS l GROUP BY l.tag_id) AS n
  ON n.tag_id = t.id WHERE t.public_petitions <> COALESCE(n.public, 0) LIMIT 1000`)
	if err != nil {
		return err
	}
	wrong, err := scanIDs(rows)
	if err != nil {
		return err
	}
	for _, id := range wrong {
		if err := s.inTx(ctx, func(t *tx) error { return t.recountLabelsOf(ctx, id) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) recountLabelsOf(ctx context.Context, id uuid.UUID) error {
	for _, text := range []string{
		`UPDATE tags SET key_version = key_version WHERE id = $1`, // locks it, as countTags does
		`UPDATE petition_tags SET label = (SELECT t.label FROM tags AS t WHERE t.id = $1) WHERE tag_id = $1 AND label = ''`,
		`DELETE FROM tag_labels WHERE tag_id = $1`,
		`INSERT INTO tag_labels (tag_id, label, public_petitions) SELECT pt.tag_id, pt.label, COUNT(*) FROM petition_tags AS pt
 WHERE pt.tag_id = $1 AND pt.state IN ` + state.PublicSQL + ` GROUP BY pt.tag_id, pt.label`,
	} {
		if _, err := t.sql.ExecContext(ctx, text, id); err != nil {
			return err
		}
	}
	return nil
}
