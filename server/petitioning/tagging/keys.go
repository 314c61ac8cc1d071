package tagging

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/tag"
	"petitiond/server/database"
	"petitiond/server/text"
)

const (
	// tagLock is the key of PostgreSQL's advisory lock under which keys of tags are made again. It is "tags" in ASCII.
	tagLock = 0x74616773

	rekeyedAtOnce = 100 // tags in a transaction
	movedAtOnce   = 100 // petitions of a tag in a transaction
)

// rekey makes the keys again that an earlier rule has made, some in a transaction, on one replica at a time.
func (s Store) rekey(ctx context.Context) error {
	for {
		stale, err := s.Lookup.Tag.Query().Where(tag.KeyVersionLT(text.TagKeyVersion)).Limit(rekeyedAtOnce).All(ctx)
		if err != nil || len(stale) == 0 {
			return err
		}
		mine := false
		err = s.InTx(ctx, func(t Tags) error {
			// Two replicas would wait for each other's rows, and do the same work twice.
			if mine, err = database.TryLock(ctx, t.sql, s.Database.Dialect, tagLock); !mine || err != nil {
				return err
			}
			return t.rekeySome(ctx, s.Database.Dialect, stale)
		})
		if err != nil || !mine {
			return err
		}
	}
}

// rekeySome gives tags the keys of the present rule. Nearly all have them already.
func (t Tags) rekeySome(ctx context.Context, d database.Dialect, stale []*ent.Tag) error {
	var right []uuid.UUID
	for _, one := range stale {
		// Only their version is written, for all of them at once.
		if text.TagKey(one.Label) == one.Key {
			right = append(right, one.ID)
		} else if err := t.rekey(ctx, one); err != nil {
			return err
		}
	}
	if len(right) == 0 {
		return nil
	}
	args := database.Args{text.TagKeyVersion}
	_, err := t.sql.ExecContext(ctx, `UPDATE tags SET key_version = $1 WHERE `+args.Among(d, `id`, right), args...)
	return err
}

// rekey gives a tag the key that its label has by the present rule. Its former key goes on finding it, where no other
// tag has that. If another tag has the new key, its petitions become that one's, some of them at a time.
func (t Tags) rekey(ctx context.Context, stale *ent.Tag) error {
	key := text.TagKey(stale.Label)
	other, err := t.Tag.Query().Where(tag.Key(key), tag.IDNEQ(stale.ID)).OnlyID(ctx)
	switch {
	case ent.IsNotFound(err):
		_, err := t.sql.ExecContext(ctx, `UPDATE tags SET former_key = CASE WHEN key = $2 THEN former_key ELSE key END, key = $2,
 key_version = $3 WHERE id = $1`, stale.ID, key, text.TagKeyVersion)
		return err
	case err != nil:
		return err
	}
	return t.mergeTags(ctx, stale.ID, other)
}

// mergeTags gives the petitions of one tag to another, as far as they do not have it already. What is left of the tag
// is shown to nobody, since no petition has it.
func (t Tags) mergeTags(ctx context.Context, from, to uuid.UUID) error {
	_, err := t.sql.ExecContext(ctx, `DELETE FROM petition_tags WHERE tag_id = $1 AND petition_id IN
 (SELECT b.petition_id FROM petition_tags AS b WHERE b.tag_id = $2)`, from, to)
	if err != nil {
		return err
	}
	// Some at a time, since each may have thousands, and this runs in transactions of others, too.
	moved, err := t.sql.ExecContext(ctx, fmt.Sprintf(`UPDATE petition_tags SET tag_id = $2 WHERE tag_id = $1 AND petition_id IN
 (SELECT b.petition_id FROM petition_tags AS b WHERE b.tag_id = $1 LIMIT %d)`, movedAtOnce), from, to)
	if err != nil {
		return err
	}
	if n, err := moved.RowsAffected(); err != nil || n == movedAtOnce {
		return err // there may be more
	}
	_, err = t.sql.ExecContext(ctx, `UPDATE tags SET key_version = $2 WHERE id = $1`, from, text.TagKeyVersion)
	return err
}
