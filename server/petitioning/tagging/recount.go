package tagging

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/state"
)

// repair corrects what stands beside tags. What is right as it begins is not written, even if a petition changes
// meanwhile; what was wrong and changes meanwhile is left for the next time.
type repair struct{ table, set, from, where string }

// wrong returns the statement that finds out whether there is anything to correct. On SQLite it lets others write.
func (r repair) wrong() string {
	return `SELECT EXISTS (SELECT 1 FROM ` + strings.TrimSuffix(r.table+`, `+r.from, `, `) + ` WHERE ` + r.where + `)`
}

// mend returns the statement that corrects it.
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

// Store is a database whose tags are compared.
type Store struct {
	Database *database.DB
	Lookup   *ent.Client                                   // reads the newest state, never writes
	InTx     func(context.Context, func(Tags) error) error // may run twice what it is given
}

// Recount makes keys again that an earlier rule has made, and corrects what stands beside tags, where it is wrong.
func (s Store) Recount(ctx context.Context) error {
	// In this order: keys decide which tags there are, states which petitions count, and labels which is shown.
	for _, do := range []func(context.Context) error{
		s.rekey, s.repairing(restateTags), s.repairing(recountPetitions), s.recountLabels, s.repairing(relabel),
	} {
		if err := do(ctx); err != nil {
			return fmt.Errorf("comparing tags: %w", err)
		}
	}
	return nil
}

// repairing returns a task that corrects what is wrong, and begins no transaction where nothing is.
func (s Store) repairing(r repair) func(context.Context) error {
	return func(ctx context.Context) error {
		// Asked first, by a reader: on SQLite an UPDATE that changes nothing would keep others from writing all the
		// same.
		wrong := false
		if err := s.Database.Newest().QueryRowContext(ctx, r.wrong()).Scan(&wrong); err != nil || !wrong {
			return err
		}
		return s.InTx(ctx, func(t Tags) error {
			_, err := t.sql.ExecContext(ctx, r.mend())
			return err
		})
	}
}

// recountLabels counts the labels of tags again whose petitions they do not add up to, or to which a replica of an
// earlier version has written a petition without a label: that one shows the tag as the tag is shown at the moment.
func (s Store) recountLabels(ctx context.Context) error {
	rows, err := s.Database.Newest().QueryContext(ctx, `SELECT pt.tag_id FROM petition_tags AS pt WHERE pt.label = '' UNION
 SELECT t.id FROM tags AS t LEFT JOIN (SELECT l.tag_id, SUM(l.public_petitions) AS public FROM tag_labels AS l GROUP BY l.tag_id) AS n
  ON n.tag_id = t.id WHERE t.public_petitions <> COALESCE(n.public, 0) LIMIT 1000`)
	if err != nil {
		return err
	}
	wrong, err := database.IDs(rows)
	if err != nil {
		return err
	}
	// One tag in a transaction: its row is locked against everybody who publishes under it.
	for _, id := range wrong {
		if err := s.InTx(ctx, func(t Tags) error { return t.recountLabelsOf(ctx, id) }); err != nil {
			return err
		}
	}
	return nil
}

// recountLabelsOf counts the labels of one tag from its petitions, while its row keeps those out who count, too.
func (t Tags) recountLabelsOf(ctx context.Context, id uuid.UUID) error {
	for _, text := range []string{
		`UPDATE tags SET key_version = key_version WHERE id = $1`, // locks it, as count does
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
