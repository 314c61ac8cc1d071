package reading

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/ent"
	"petitiond/server/answerbudget"
	"petitiond/server/database"
	"petitiond/server/reading/visibility"
	"petitiond/server/responsecache"
	"petitiond/server/text"
)

// PetitionsByID returns those of the petitions that the viewer may see.
func (s *Reader) PetitionsByID(ctx context.Context, ids []uuid.UUID, w Selection) (Found, error) {
	dependOn(ctx, wordsOf, ids...) // including those that cannot be seen yet
	switch len(ids) {
	case 0:
		return Found{}, nil
	case 1:
		return s.petitionBy(ctx, keyed{`petitions AS p`, `p.id`, `uuid`}, ids[0].String(), w)
	}
	// For many petitions a separate statement is cheaper: see TagsOf.
	w.Tags = false
	var args database.Args
	found, err := s.petitionsOf(ctx, `petitions AS p`, args.Among(s.source.Dialect(), `p.id`, ids), args, w)
	return found.noted(ctx), err
}

// PetitionBySlug returns the petition that has or once had the slug, as far as the viewer may see it; see
// [text.SlugMeant].
func (s *Reader) PetitionBySlug(ctx context.Context, slug string, w Selection) (Found, error) {
	slug = text.SlugMeant(slug)
	if !utf8.ValidString(slug) || strings.ContainsRune(slug, 0) { // PostgreSQL would return an error
		return Found{}, nil
	}
	found, err := s.petitionBy(ctx, keyed{`slugs AS named JOIN petitions AS p ON p.id = named.petition_id`, `named.slug`, `text`}, slug, w)
	if len(found.Rows) == 0 {
		// Without this the answer that there is none would be kept until something else changes.
		dependOnLists(ctx) // a petition may get this slug later
	}
	return found, err
}

// keyed says by which key petitions AS p are looked up.
type keyed struct{ table, column, kind string }

// sought is everything besides the key that a look-up of petitions depends on.
type sought struct {
	by        keyed
	selection Selection
	seen      visibility.Seen
}

// petitionBy reads a petition by a key, in one statement with others that are looked up in the same way at the same
// time.
func (s *Reader) petitionBy(ctx context.Context, by keyed, key string, w Selection) (Found, error) {
	k := sought{by, w, s.viewer.Petitions(`p`)}
	found, err := s.bySought.Read(ctx, k, key, func(ctx context.Context, keys []string) (map[string]Found, error) {
		return s.petitionsBy(ctx, k, keys)
	})
	return found.noted(ctx), err
}

// petitionsBy reads a petition by each key. Each of several keys is looked up by itself, which keeps PostgreSQL from
// planning to read the whole table.
func (s *Reader) petitionsBy(ctx context.Context, k sought, keys []string) (map[string]Found, error) {
	r, columns, scan := s.newReading(ctx, k.selection)
	text, args := `SELECT `+k.by.column+` AS asked, `+columns+` FROM `+k.by.table+r.table()+` WHERE `+visibility.Here+` AND `+k.by.column+` = `, database.Args{}
	if len(keys) == 1 {
		text += args.Add(keys[0])
	} else {
		// OFFSET 0 keeps the planner from merging the inner statement with the list of keys.
		text = `SELECT found.* FROM unnest(` + args.Add(pq.Array(keys)) + `::` + k.by.kind + `[]) AS several(one) CROSS JOIN LATERAL (` +
			text + `several.one OFFSET 0) AS found`
	}
	out := make(map[string]Found, len(keys))
	var key string
	row := &behind{first: []any{&key}}
	err := s.source.LookUp(ctx, k.seen.Statement(text, args), func(rows *sql.Rows) error {
		row.row = rows
		p, err := r.scan(row, scan)
		out[key] = Found{Rows: []*ent.Petition{p}, Figures: r.figuresOf(p.ID)}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading a petition: %w", err)
	}
	return out, nil
}

// petitionsOf reads the petitions that meet a condition and that the viewer may see.
func (s *Reader) petitionsOf(ctx context.Context, table, where string, args database.Args, w Selection) (Found, error) {
	r, columns, scan := s.newReading(ctx, w)
	found := Found{Figures: r.figures}
	text := `SELECT ` + columns + ` FROM ` + table + r.table() + ` WHERE ` + where + ` AND ` + visibility.Here
	err := s.source.LookUp(ctx, s.viewer.Petitions(`p`).Statement(text, args), func(rows *sql.Rows) error {
		p, err := r.scan(rows, scan)
		if err != nil {
			return err
		}
		found.Rows = append(found.Rows, p)
		return hold(ctx, p)
	})
	if err != nil {
		return Found{}, fmt.Errorf("reading petitions: %w", err)
	}
	return found, nil
}

// newReading returns what is read of petitions AS p besides the row, all columns to select, and a function that scans
// the rows.
func (s *Reader) newReading(ctx context.Context, w Selection) (r *reading, columns string, scan func(scanner) (*ent.Petition, error)) {
	r = newReading(ctx, w)
	r.tagged = taggedColumn(s.source.Dialect())
	return r, r.columns() + w.Columns.Names(), w.Columns.Scanning()
}

// noted records that the answer under ctx depends on what was found, and returns it.
func (f Found) noted(ctx context.Context) Found {
	for _, p := range f.Rows {
		dependOn(ctx, wordsOf, p.ID)
	}
	dependOnFigures(ctx, f.Figures)
	return f
}

// Bodies returns the Markdown of petitions.
func (s *Reader) Bodies(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	dependOn(ctx, wordsOf, ids...)
	var args database.Args
	out := make(map[uuid.UUID]string, len(ids))
	text := `SELECT p.id, p.body FROM petitions AS p WHERE ` + args.Among(s.source.Dialect(), `p.id`, ids) + ` AND ` + visibility.Here
	err := s.source.LookUp(ctx, s.viewer.Petitions(`p`).Statement(text, args), func(rows *sql.Rows) error {
		var id uuid.UUID
		var body string
		if err := rows.Scan(&id, &body); err != nil {
			return err
		}
		out[id] = body
		return answerbudget.From(ctx).Read(len(body))
	})
	if err != nil {
		return nil, fmt.Errorf("reading bodies: %w", err)
	}
	return out, nil
}

// SignaturesByID returns those of the signatures that count and have a public name.
func (s *Reader) SignaturesByID(ctx context.Context, ids []uuid.UUID) ([]*ent.Signature, error) {
	var args database.Args
	row := &signatureRow{}
	text := `SELECT ` + signatureColumns + `, s.petition_id FROM signatures AS s WHERE ` + args.Among(s.source.Dialect(), `s.id`, ids) + ` AND ` + visibility.Here
	rows, err := rowsOf(ctx, s, s.viewer.Signatures(`s.petition_id`).Statement(text, args), row.scanning(&row.to.PetitionID))
	for _, row := range rows {
		dependOn(ctx, wordsOf, row.PetitionID)
		dependOn(ctx, numbersOf, row.PetitionID)
	}
	return rows, missing(ctx, len(rows) < len(ids), err)
}

// CommentsByID returns those of the comments that are visible.
func (s *Reader) CommentsByID(ctx context.Context, ids []uuid.UUID) ([]*ent.Comment, error) {
	var args database.Args
	row := &commentRow{}
	text := `SELECT ` + commentColumns + `, c.petition_id, c.parent_id FROM comments AS c WHERE ` + args.Among(s.source.Dialect(), `c.id`, ids) + ` AND ` + visibility.Here
	rows, err := rowsOf(ctx, s, s.viewer.Comments(`c.petition_id`).Statement(text, args), row.scanning(&row.to.PetitionID, &row.to.ParentID))
	for _, row := range rows {
		dependOn(ctx, wordsOf, row.PetitionID)
		dependOn(ctx, commentsOf, row.PetitionID)
	}
	return rows, missing(ctx, len(rows) < len(ids), err)
}

// missing returns err unchanged. If some row was not found, the answer depends on lists: it is unknown under which
// petition the row may appear later.
func missing(ctx context.Context, some bool, err error) error {
	if some {
		responsecache.Briefly(ctx)
	}
	return err
}

// rowsOf returns the rows of a statement. The caller wraps the errors.
func rowsOf[N any](ctx context.Context, s *Reader, asked visibility.Statement, scan func(scanner) (N, error)) ([]N, error) {
	var out []N
	err := s.source.LookUp(ctx, asked, func(rows *sql.Rows) error {
		row, err := scan(rows)
		if err != nil {
			return err
		}
		out = append(out, row)
		return hold(ctx, row)
	})
	return out, err
}

// rowBytes is roughly what a row takes besides its texts, including what is made of it until the answer is written.
const rowBytes = 2 << 10

// hold charges a row to the memory budget of its operation, since it stays in memory until the answer is written. The
// body of a petition is charged where it is read.
func hold(ctx context.Context, row any) error {
	bytes := rowBytes
	switch row := row.(type) {
	case *ent.Petition:
		bytes += len(row.Title) + len(row.Summary) + len(row.Petitioner)
		for _, name := range row.Addressees {
			bytes += len(name)
		}
	case *ent.Comment:
		bytes += len(row.Body)
	}
	return answerbudget.From(ctx).Hold(bytes)
}

// Sees reports whether the viewer may see the petition.
func (s *Reader) Sees(ctx context.Context, id uuid.UUID) (bool, error) {
	dependOn(ctx, wordsOf, id)
	seen := false
	text := `SELECT TRUE FROM petitions AS p WHERE p.id = $1 AND ` + visibility.Here
	err := s.source.LookUp(ctx, s.viewer.Petitions(`p`).Statement(text, database.Args{id}), func(rows *sql.Rows) error { return rows.Scan(&seen) })
	if err != nil {
		return false, fmt.Errorf("looking for a petition: %w", err)
	}
	return seen, nil
}

// URL returns the web address of the petition with the slug.
func (s *Service) URL(slug string) string { return s.opt.PublicURL + "/p/" + slug }
