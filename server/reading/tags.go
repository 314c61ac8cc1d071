package reading

import (
	"context"
	"database/sql"
	"fmt"
	"time"
	"unicode"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
	"petitiond/server/text"
	"petitiond/server/timespan"
)

// tagColumns are those of a tag by itself, and writtenColumns those of one that a petition has: its label is as that
// petition's author wrote it. A replica of an earlier version does not store that.
const (
	tagColumns     = `t.id, t.key, t.label, t.open_petitions`
	writtenColumns = `t.id, t.key, CASE pt.label WHEN '' THEN t.label ELSE pt.label END, t.open_petitions`
)

// Tags returns a page of the tags whose names begin with the search, by name.
func (s *Reader) Tags(ctx context.Context, search *string, page keyset.Args) (*TagConnection, error) {
	dependOnLists(ctx)
	name, begins, args := "tags", ``, database.Args(nil)
	if prefix := text.TagKeyPrefix(deref(search)); prefix != "" {
		name += " " + prefix
		// A range of the index: not LIKE, whose wildcard _ is a letter of tags.
		begins = ` AND t.key >= ` + args.Add(prefix) + ` AND t.key < ` + args.Add(prefix+string(unicode.MaxRune))
	} else if !text.IsBlank(deref(search)) { // nothing but punctuation: no name begins with it
		begins = ` AND FALSE`
	}
	l := list[*ent.Tag]{
		name: name, columns: tagColumns, from: `tags AS t`, where: visibility.Here + begins, seen: s.viewer.TagList(`t`), args: args,
		order: keyset.Order{Columns: []string{`t.key`}},
		scan: func(row scanner) (*ent.Tag, keyset.Cursor, error) {
			t, err := scanTag(row)
			return t, keyset.Cursor{Keys: []keyset.Key{keyset.Text(t.Key)}, ID: t.ID}, err
		},
	}
	rows := `SELECT 1 AS one FROM ` + l.from + ` WHERE ` + l.where
	if s.viewer.Owns() {
		mine := place{ownTags, `t.id = chosen.id AND t.public_petitions = 0` + begins}
		// Counted as it is read: both parts, which have no tag in common.
		rows += ` UNION ALL SELECT 1 FROM ` + mine.from + ` WHERE ` + mine.where
		public := place{l.from, l.where}
		if s.source.Dialect() == database.SQLite {
			// Left to itself it takes the index of all keys, which is in the order that is asked for, and walks past
			// everybody's drafts.
			public.from += ` INDEXED BY tag_public`
		}
		l.inner, l.where = inner{{place: public}, {place: mine}}, `t.id = page.id`
		// The two parts are merged by key and id; of one part the key alone is unique.
		l.order.Columns = append(l.order.Columns, `t.id`)
	}
	found, err := browse(ctx, s, l, page)
	if err != nil {
		return nil, err
	}
	c := found[uuid.Nil]
	c.total = s.counted(l.seen, rows, l.args)
	return c, nil
}

// ownTags has the tags of the viewer's own petitions, AS t.
const ownTags = `(SELECT DISTINCT b.tag_id AS id FROM petition_tags AS b WHERE b.petition_id IN (` + visibility.Own + `)) AS chosen CROSS JOIN tags AS t`

// named returns the id of the tag that a name finds: the one with its key. Where no public petition has that, it is one
// that had the key by an earlier rule: a draft that nobody sees must not take its name away.
func named(name string, args *database.Args) string {
	key := args.Add(text.TagKey(name))
	return `COALESCE((SELECT t.id FROM tags AS t WHERE t.key = ` + key + ` AND t.public_petitions > 0),
 (SELECT t.id FROM tags AS t WHERE t.former_key = ` + key + ` AND t.public_petitions > 0 ORDER BY t.key LIMIT 1),
 (SELECT t.id FROM tags AS t WHERE t.key = ` + key + `))`
}

// TagByName returns the tag with the name, or nil.
func (s *Reader) TagByName(ctx context.Context, name string) (*ent.Tag, error) {
	dependOnTags(ctx)
	var out *ent.Tag
	var args database.Args
	query := `SELECT ` + tagColumns + ` FROM tags AS t WHERE t.id = ` + named(name, &args) + ` AND ` + visibility.Here
	asked := s.viewer.Tags(`t`).Statement(query, args)
	err := s.source.LookUp(ctx, asked, func(rows *sql.Rows) (err error) {
		out, err = scanTag(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading a tag: %w", err)
	}
	return out, nil
}

// TagsOf returns the tags of each petition in the order in which they were given. They are read in one statement with
// those for other lists of petitions that are asked for at the same time.
func (s *Reader) TagsOf(ctx context.Context, petitions []uuid.UUID) (map[uuid.UUID][]*ent.Tag, error) {
	dependOn(ctx, wordsOf, petitions...)
	seen := s.viewer.Petitions(`p`)
	all, err := s.byTagged.Read(ctx, seen, database.SetOf(petitions), func(ctx context.Context, sets []database.UUIDSet) (map[database.UUIDSet]tagged, error) {
		found, err := s.tagsOf(ctx, seen, database.Union(sets))
		out := make(map[database.UUIDSet]tagged, len(sets))
		for _, set := range sets {
			out[set] = found
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID][]*ent.Tag, len(petitions))
	for _, id := range petitions {
		if tags, ok := all[id]; ok {
			out[id] = tags
		}
	}
	return out, nil
}

// tagged are the tags of petitions.
type tagged map[uuid.UUID][]*ent.Tag

// tagsOf reads the tags of petitions by one statement.
func (s *Reader) tagsOf(ctx context.Context, seen visibility.Seen, petitions []uuid.UUID) (tagged, error) {
	var args database.Args
	query := `SELECT pt.petition_id, ` + writtenColumns + ` FROM petitions AS p JOIN petition_tags AS pt ON pt.petition_id = p.id
 JOIN tags AS t ON t.id = pt.tag_id WHERE ` + args.Among(s.source.Dialect(), `p.id`, petitions) + ` AND ` + visibility.Here + ` ORDER BY pt.position`
	out := make(tagged, len(petitions))
	var of uuid.UUID
	var row tagRow
	into := append([]any{(*database.UUID)(&of)}, row.into()...)
	err := s.source.LookUp(ctx, seen.Statement(query, args), func(rows *sql.Rows) error {
		err := rows.Scan(into...)
		out[of] = append(out[of], row.tag())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the tags of petitions: %w", err)
	}
	return out, nil
}

// TagsByID returns those of the tags that a visible petition has.
func (s *Reader) TagsByID(ctx context.Context, ids []uuid.UUID) ([]*ent.Tag, error) {
	dependOnTags(ctx)
	var args database.Args
	var out []*ent.Tag
	query := `SELECT ` + tagColumns + ` FROM tags AS t WHERE ` + args.Among(s.source.Dialect(), `t.id`, ids) + ` AND ` + visibility.Here
	err := s.source.LookUp(ctx, s.viewer.Tags(`t`).Statement(query, args), func(rows *sql.Rows) error {
		t, err := scanTag(rows)
		out = append(out, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading tags: %w", err)
	}
	return out, nil
}

// TrendingTag is a tag whose open petitions were signed recently.
type TrendingTag struct {
	Tag               *ent.Tag
	SignaturesLastDay int
}

// trendingLag is how old trending tags may be where summing them takes long.
const trendingLag = 30 * time.Second

// TrendingTags returns the tags whose open petitions were signed most within the last 24 hours.
func (s *Service) TrendingTags(ctx context.Context, first int) ([]*TrendingTag, error) {
	if first < 1 || first > keyset.MaxSize {
		return nil, &keyset.ArgumentError{Argument: "first", Message: fmt.Sprintf("first must be between 1 and %d.", keyset.MaxSize)}
	}
	all, err := siteSum(ctx, s, "trending tags", trendingLag, dependOnLists, s.sumTags)
	if err != nil {
		return nil, fmt.Errorf("reading trending tags: %w", err)
	}
	out := make([]*TrendingTag, 0, min(first, len(all)))
	for _, one := range all[:min(first, len(all))] {
		t := *one.Tag // a row of its own: what is read together with it differs from answer to answer
		out = append(out, &TrendingTag{Tag: &t, SignaturesLastDay: one.SignaturesLastDay})
	}
	return out, nil
}

// sumTags reads as many trending tags as anybody can ask for: how many they are is the least of the work.
func (s *Service) sumTags(ctx context.Context) (out []TrendingTag, err error) {
	// Joined from minutes to petitions to tags: each step has fewer rows than the one before.
	query := `SELECT ` + tagColumns + `, tagged.signed FROM (SELECT pt.tag_id, SUM(petition.signed) AS signed
  FROM (SELECT petition_id, SUM(signed) AS signed FROM (
   SELECT b.petition_id, b.added - b.removed AS signed FROM signature_buckets AS b
   WHERE b.span = ` + timespan.Minute.SQL() + ` AND b.minute > $1
   UNION ALL SELECT u.petition_id, (SELECT COUNT(*) FROM signatures AS s WHERE ` + timespan.Unsummed + ` AND s.signed_at >= $3)
   FROM unsummed AS u CROSS JOIN counters AS c WHERE c.petition_id = u.petition_id) AS lately GROUP BY petition_id) AS petition
  CROSS JOIN petitions AS p CROSS JOIN petition_tags AS pt
  WHERE p.id = petition.petition_id AND ` + visibility.Here + ` AND pt.petition_id = p.id
  GROUP BY pt.tag_id HAVING SUM(petition.signed) > 0) AS tagged
 CROSS JOIN tags AS t WHERE t.id = tagged.tag_id ORDER BY tagged.signed DESC, t.key LIMIT $2`
	since := timespan.Day.Ago(s.opt.Now())
	asked := visibility.Open(`p`).Statement(query, database.Args{since, keyset.MaxSize, timespan.TimeOf(since + 1)})
	err = s.source.Each(ctx, asked, func(rows *sql.Rows) error {
		one := TrendingTag{}
		one.Tag, err = scanTag(rows, &one.SignaturesLastDay)
		out = append(out, one)
		return err
	})
	return out, err
}

// scanTag scans tagColumns, followed by more.
func scanTag(from scanner, more ...any) (*ent.Tag, error) {
	var row tagRow
	err := from.Scan(append(row.into(), more...)...)
	return row.tag(), err
}

// tagRow is where tags are scanned, one row after the other, in the types of the drivers.
type tagRow struct {
	id         uuid.UUID
	key, label string
	open       int64
}

// into returns where to scan tagColumns or writtenColumns.
func (r *tagRow) into() []any { return []any{(*database.UUID)(&r.id), &r.key, &r.label, &r.open} }

// tag returns the tag in the row that was scanned last.
func (r *tagRow) tag() *ent.Tag {
	return &ent.Tag{ID: r.id, Key: r.key, Label: r.label, OpenPetitions: int(r.open)}
}
