package reading

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/text"
)

// rankedMost is how many matches, the most signed first, are ranked by relevance.
const rankedMost = 1000

// matching returns the search in the query language of the database's full-text index.
func (s *Service) matching(search string) string {
	if s.source.Dialect() == database.Postgres {
		return text.TSQuery(search)
	}
	return text.FTSQuery(search)
}

// matches returns FROM and WHERE of the documents that match.
func (s *Service) matches(query string) string {
	if s.source.Dialect() == database.Postgres {
		return `search_documents AS d WHERE d.document @@ to_tsquery('simple', ` + query + `)`
	}
	return `search_index JOIN search_documents AS d ON d.id = search_index.rowid WHERE search_index MATCH ` + query
}

// matchesOne returns the condition that every term occurs in the document d. SQLite's index can only be asked about one
// document by reading the whole list of a term, so the text itself is searched: it consists of terms separated by
// single spaces.
func (s *Service) matchesOne(search string, args *database.Args) string {
	if s.source.Dialect() == database.Postgres {
		return `d.document @@ to_tsquery('simple', ` + args.Add(s.matching(search)) + `)`
	}
	return eachTerm(search, args, ` AND `, func(in func(string) string) string {
		return `(` + in(`title`) + ` OR ` + in(`tags`) + ` OR ` + in(`summary`) + ` OR ` + in(`body`) + `)`
	})
}

// places returns the sum of the weights of the best place of each term in document d, where every term stands. So the
// body, which may be long, is not looked into: what stands nowhere else stands there.
func places(search string, args *database.Args) string {
	return eachTerm(search, args, ` + `, func(in func(string) string) string {
		return `(CASE WHEN ` + in(`title`) + ` THEN 10 WHEN ` + in(`tags`) + ` THEN 4 WHEN ` + in(`summary`) + ` THEN 2 ELSE 1 END)`
	})
}

// eachTerm joins what of makes for each term, by the condition that the term stands in a column of document d.
func eachTerm(search string, args *database.Args, join string, of func(in func(column string) string) string) string {
	// A space before a term is the begin of a word; one behind it its end, unless any word may begin with the term.
	terms := text.SearchTerms(search)
	out := make([]string, len(terms))
	for i, term := range terms {
		written := ` ` + term.Text
		if !term.Prefix {
			written += ` `
		}
		w := args.Add(written)
		out[i] = of(func(column string) string { return `instr(' ' || d.` + column + ` || ' ', ` + w + `) > 0` })
	}
	return strings.Join(out, join)
}

// scores returns a statement that yields ids and scores, the greater the better, of the documents in best. Titles weigh
// most, then tags, then the summary: these are PostgreSQL's weights A to D. SQLite's bm25 would score all matches, and
// needs the places of words, which its index does not keep.
func (s *Service) scores(search string, args *database.Args) string {
	var score string
	if s.source.Dialect() == database.Postgres {
		score = `ts_rank(d.document, to_tsquery('simple', ` + args.Add(s.matching(search)) + `))`
	} else {
		score = places(search, args)
	}
	return `SELECT d.petition_id AS id, ` + score + ` AS score FROM search_documents AS d WHERE d.petition_id IN (SELECT id FROM best)`
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
	ids, err := s.ranked(ctx, *q.Search, c, from)
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
func (s *Reader) ranked(ctx context.Context, search string, c conditions, from source) ([]uuid.UUID, error) {
	if s.matching(search) == "" {
		return nil, nil
	}
	direction := `DESC`
	if c.order.Direction == Asc {
		direction = `ASC`
	}
	// Which thousand are ranked does not depend on the direction: the last page of one is the first of the other.
	by := c.sort(Order{Field: BySignatureCount, Direction: Desc}, from, s.source.Dialect())
	args := slices.Clone(from.args)
	best := by.inner.sql(from.where, by.keys, keyset.Window{Limit: rankedMost - 1}, nil, nil, &args)
	// Materialised, or SQLite would repeat the search for every row that it joins.
	text := fmt.Sprintf(`WITH best AS MATERIALIZED (%s), scored AS MATERIALIZED (%s)
 SELECT best.id FROM best JOIN scored ON scored.id = best.id ORDER BY score %s, best.key %s, best.id %s`,
		best, s.scores(search, &args), direction, direction, direction)
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
