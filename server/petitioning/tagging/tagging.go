// Package tagging writes the tags of petitions, and keeps right what stands beside them: numbers of petitions, labels
// and keys.
//
// A tag is found by its key, which is made of its name by a rule that may change (keys.go). It is shown as most public
// petitions write it, and counts those that are open (counts.go). What replicas of an earlier version do not know of is
// corrected afterwards (recount.go).
package tagging

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/ent/petitiontag"
	"petitiond/ent/tag"
	"petitiond/server/database"
	"petitiond/server/text"
)

// Tags are those of petitions, in a running transaction.
type Tags struct {
	*ent.Client
	sql *sql.Tx
}

// In returns tags in a transaction, which it is given twice: as ent's, for rows, and as SQL, for whole tables.
func In(client *ent.Client, tx *sql.Tx) Tags { return Tags{client, tx} }

// Of returns the tags of a petition as its author gave them.
func (t Tags) Of(ctx context.Context, id uuid.UUID) ([]text.Tag, error) { return Of(ctx, t.sql, id) }

// Querier runs statements: a transaction, or a pool.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Of returns the tags of a petition as its author gave them, as q knows them.
func Of(ctx context.Context, q Querier, id uuid.UUID) ([]text.Tag, error) {
	rows, err := q.QueryContext(ctx, `SELECT t.key, CASE pt.label WHEN '' THEN t.label ELSE pt.label END
 FROM petition_tags pt JOIN tags t ON t.id = pt.tag_id WHERE pt.petition_id = $1 ORDER BY pt.position`, id)
	if err != nil {
		return nil, fmt.Errorf("reading tags: %w", err)
	}
	var out []text.Tag
	err = database.Each(rows, func(rows *sql.Rows) error {
		var one text.Tag
		err := rows.Scan(&one.Key, &one.Label)
		out = append(out, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading tags: %w", err)
	}
	return out, nil
}

// Set stores the tags of a petition in the given order, and creates new tags. It counts nothing: a new petition is a
// draft, and counts for no tag.
func (t Tags) Set(ctx context.Context, id uuid.UUID, entries []text.Tag) error {
	if err := t.create(ctx, entries); err != nil {
		return fmt.Errorf("making tags: %w", err)
	}
	if _, err := t.PetitionTag.Delete().Where(petitiontag.PetitionID(id)).Exec(ctx); err != nil {
		return err
	}
	// Without tags nothing has to be known of the petition.
	if len(entries) == 0 {
		return nil
	}
	row, err := t.Petition.Query().Where(petition.ID(id)).Select(petition.FieldCreatedAt, petition.FieldState).Only(ctx)
	if err != nil {
		return err
	}
	// Beside each tag stand the petition's age and state, by which lists under a tag are ordered and narrowed.
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

// Replace gives a petition other tags.
func (t Tags) Replace(ctx context.Context, id uuid.UUID, in petition.State, entries []text.Tag) error {
	before, err := t.taggings(ctx, id)
	if err != nil {
		return err
	}
	if err := t.Set(ctx, id, entries); err != nil {
		return err
	}
	after, err := t.taggings(ctx, id)
	if err != nil {
		return err
	}
	// By tag and label: another spelling of the same tag moves no number of the tag, but those of its labels. What stays
	// comes to zero and is not written.
	moved := map[tagging]int{}
	for _, one := range before {
		moved[one]--
	}
	for _, one := range after {
		moved[one]++
	}
	return t.count(ctx, moved, countsIn(in))
}

// Enter writes that a petition goes from one state to another, in which its tags may count otherwise.
func (t Tags) Enter(ctx context.Context, id uuid.UUID, from, to petition.State) error {
	was, is := countsIn(from), countsIn(to)
	if was != is {
		taggings, err := t.taggings(ctx, id)
		if err != nil {
			return err
		}
		// The petition counts once for each of its tags.
		once := make(map[tagging]int, len(taggings))
		for _, one := range taggings {
			once[one] = 1
		}
		if err := t.count(ctx, once, counts{is.open - was.open, is.public - was.public}); err != nil {
			return err
		}
	}
	// In every case: the state is repeated beside each tag, whatever it counts for.
	return t.PetitionTag.Update().Where(petitiontag.PetitionID(id)).SetState(string(to)).Exec(ctx)
}

// create creates the tags that there are not yet. One that has the key of another only by an earlier rule makes room
// for it first. In the order of keys, two transactions that create the same tags cannot deadlock.
func (t Tags) create(ctx context.Context, entries []text.Tag) error {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b text.Tag) int { return strings.Compare(a.Key, b.Key) })
	keys := make([]string, len(sorted))
	for i, e := range sorted {
		keys[i] = e.Key
	}
	stale, err := t.Tag.Query().Where(tag.KeyIn(keys...), tag.KeyVersionLT(text.TagKeyVersion)).Order(tag.ByKey()).All(ctx)
	if err != nil {
		return err
	}
	// Stale ones first: a key that one has by an earlier rule only may be the key of a tag that is about to be made.
	for _, one := range stale {
		if err := t.rekey(ctx, one); err != nil {
			return err
		}
	}
	for _, e := range sorted {
		// Another transaction may make the same tag: this waits until it has ended, and then does nothing.
		_, err := t.sql.ExecContext(ctx, `INSERT INTO tags (id, key, label, key_version, open_petitions) VALUES ($1, $2, $3, $4, 0)
 ON CONFLICT (key) DO NOTHING`, uuid.Must(uuid.NewV7()), e.Key, e.Label, text.TagKeyVersion)
		if err != nil {
			return err
		}
	}
	return nil
}
