package reading

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"unicode"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/searchsql"
	"petitiond/server/reading/visibility"
	"petitiond/server/text"
)

const (
	rankedMost = 1000 // matches, the most signed first, are ranked by relevance
	mergedMost = 2000 // words whose lists SQLite merges; more take longer than looking into texts
)

// crowded reports whether the index has so many words that begin with the last term that their lists are not merged.
// They are as many as somebody likes who publishes texts for that. Beginnings of a few letters have lists of their own.
func (s *Service) crowded(ctx context.Context, c conditions) (bool, error) {
	// Beginnings that have lists of their own are found at once, however many words there are.
	unlisted := !slices.Equal(c.terms, text.Shortened(c.terms, searchsql.ListedLetters))
	if s.source.Dialect() == database.Postgres || len(c.states) == 0 || !unlisted {
		return false, nil
	}
	n, begin := 0, c.terms[len(c.terms)-1].Text
	words := visibility.Unshown(size(`SELECT 1 AS one FROM search_terms WHERE term >= $1 AND term < $2`, mergedMost),
		database.Args{begin, begin + string(unicode.MaxRune)})
	err := s.source.Each(ctx, words, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n > mergedMost, err
}

// statement writes the SQL of a search.
func (s *Service) statement(c conditions) searchsql.Search {
	return searchsql.Search{Dialect: s.source.Dialect(), Terms: c.terms, States: c.states, Crowded: c.crowded}
}

// relevant returns a page by relevance. The order is computed again for every page, so a cursor is an index into it.
func (s *Reader) relevant(ctx context.Context, c conditions, from source, q PetitionQuery, page keyset.Args) (*PetitionConnection, error) {
	w, err := page.Window(keyset.DefaultSize, keyset.MaxSize)
	if err != nil {
		return nil, err
	}
	bound := bound(c.name, uuid.Nil)
	after, before, err := w.Bounds(s.codec, bound)
	if err != nil {
		return nil, err
	}
	// All that are ranked, for each page: ids alone, of which a thousand take less than one page of rows.
	ids, err := s.ranked(ctx, c, from)
	if err != nil {
		return nil, fmt.Errorf("ranking matches: %w", err)
	}
	edges, info := keyset.Cut(within(ids, w, after, before), w, func(p placed[uuid.UUID]) string { return s.codec.Encode(bound, p.at) })
	found, err := s.PetitionsByID(ctx, nodes(edges), q.Selection)
	if err != nil {
		return nil, fmt.Errorf("reading matches: %w", err)
	}
	out := &PetitionConnection{PageInfo: info, figures: found.Figures}
	// In the order of the ranking. One that has been hidden between the two statements is left out.
	for _, e := range edges {
		at := slices.IndexFunc(found.Rows, func(row *ent.Petition) bool { return row.ID == e.Node.node })
		if at >= 0 {
			out.Edges = append(out.Edges, keyset.At(e, found.Rows[at]))
		}
	}
	return out, nil
}

// nodes returns the ids on a page.
func nodes(edges []keyset.Edge[placed[uuid.UUID]]) []uuid.UUID {
	ids := make([]uuid.UUID, len(edges))
	for i, e := range edges {
		ids[i] = e.Node.node
	}
	return ids
}

// ranked returns the ids of the best matches in order.
func (s *Reader) ranked(ctx context.Context, c conditions, from source) ([]uuid.UUID, error) {
	if len(c.terms) == 0 {
		return nil, nil
	}
	// Relevance descends; the ties below go with it, so that one order is the other backwards.
	direction := `DESC`
	if c.order.Direction == Asc {
		direction = `ASC`
	}
	// Which are ranked must not depend on the direction, or the last page of one would not be the first of the other.
	by := c.sort(Order{Field: BySignatureCount, Direction: Desc}, from, s.source.Dialect())
	args := slices.Clone(from.args)
	best := by.inner.sql(by.keys, keyset.Window{Limit: rankedMost - 1}, nil, nil, &args)
	// Materialised, or SQLite would repeat the search for every row that it joins.
	text := fmt.Sprintf(`WITH best AS MATERIALIZED (%s), scored AS MATERIALIZED (%s)
 SELECT best.id FROM best JOIN scored ON scored.id = best.id ORDER BY score %s, best.key %s, best.id %s`,
		best, s.statement(c).Scores(&args), direction, direction, direction)
	var ids []uuid.UUID
	err := s.source.Each(ctx, c.seen.Statement(text, args), func(rows *sql.Rows) error {
		var id uuid.UUID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// within returns the ids between the bounds in the order of reading, one more than the page has.
func within(ids []uuid.UUID, w keyset.Window, after, before *keyset.Cursor) []placed[uuid.UUID] {
	first, end := 0, len(ids)
	if after != nil {
		first = min(int(after.Keys[0].Position())+1, end)
	}
	if before != nil {
		end = max(min(int(before.Keys[0].Position()), end), first)
	}
	out := make([]placed[uuid.UUID], 0, end-first)
	for i := first; i < end; i++ {
		out = append(out, placed[uuid.UUID]{ids[i], keyset.Cursor{Keys: []keyset.Key{keyset.Int(int64(i))}, ID: ids[i]}})
	}
	if w.Backward {
		slices.Reverse(out)
	}
	return out[:min(len(out), w.Fetch())]
}
