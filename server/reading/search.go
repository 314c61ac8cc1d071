package reading

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
	"petitiond/server/state"
	"petitiond/server/text"
)

const (
	rankedMost    = 1000 // matches, the most signed first, are ranked by relevance
	mergedMost    = 2000 // words whose lists SQLite merges; more take longer than looking into texts
	listedLetters = 4    // beginnings of so many letters have lists of their own in SQLite's index, or of fewer
)

// crowded reports whether the index has so many words that begin with the last term that their lists are not merged.
// They are as many as somebody likes who publishes texts for that. Beginnings of a few letters have lists of their own.
func (s *Service) crowded(ctx context.Context, c conditions) (bool, error) {
	unlisted := !slices.Equal(c.terms, text.Shortened(c.terms, listedLetters))
	if s.source.Dialect() == database.Postgres || len(c.states) == 0 || !unlisted {
		return false, nil
	}
	n, begin := 0, c.terms[len(c.terms)-1].Text
	words := visibility.Unshown(size(`SELECT 1 AS one FROM search_terms WHERE term >= $1 AND term < $2`, mergedMost),
		database.Args{begin, begin + string(unicode.MaxRune)})
	err := s.source.Each(ctx, words, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n > mergedMost, err
}

// matches returns a SELECT of the petitions that a search finds, in the states of the list.
func (s *Service) matches(c conditions, args *database.Args) string {
	var named, parts []string
	var unseen []petition.State
	for _, one := range c.states {
		switch {
		case s.source.Dialect() == database.Postgres: // an index for each state
			parts = append(parts, `SELECT d.petition_id AS id FROM search_documents AS d WHERE `+s.matchesOne(c.terms, args)+` AND d.state = '`+string(one)+`'`)
		case state.Public(one):
			named = append(named, `"_`+string(one)+`"`)
		default:
			unseen = append(unseen, one)
		}
	}
	if len(named) > 0 {
		terms, more := c.terms, ``
		if c.crowded { // the list of a shorter beginning, and a look at the text of what it finds
			terms, more = text.Shortened(terms, listedLetters), ` AND `+s.matchesOne(terms, args)
		}
		parts = append(parts, `SELECT d.petition_id AS id FROM search_index JOIN search_documents AS d ON d.id = search_index.rowid
 WHERE search_index MATCH `+args.Add(`(`+strings.Join(named, ` OR `)+`) AND `+text.FTSQuery(terms))+more)
	}
	if len(unseen) > 0 { // only the operator asks for all of these; they are in no index, which anybody could fill
		parts = append(parts, `SELECT d.petition_id AS id FROM petitions AS u CROSS JOIN search_documents AS d
 WHERE d.petition_id = u.id`+in(`u.state`, unseen)+` AND `+s.matchesOne(c.terms, args))
	}
	return strings.Join(parts, ` UNION ALL `)
}

// matchesOne returns the condition that every term occurs in the document d. SQLite's index can only be asked about one
// document by reading the whole list of a term, so the text itself is searched: it consists of terms separated by
// single spaces.
func (s *Service) matchesOne(terms []text.SearchTerm, args *database.Args) string {
	if s.source.Dialect() == database.Postgres {
		return `d.document @@ to_tsquery('simple', ` + args.Add(text.TSQuery(terms)) + `)`
	}
	return eachTerm(terms, args, ` AND `, func(in func(string) string) string {
		return `(` + in(`title`) + ` OR ` + in(`tags`) + ` OR ` + in(`summary`) + ` OR ` + in(`body`) + `)`
	})
}

// places returns the sum of the weights of the best place of each term in document d, where every term stands. So the
// body, which may be long, is not looked into: what stands nowhere else stands there.
func places(terms []text.SearchTerm, args *database.Args) string {
	return eachTerm(terms, args, ` + `, func(in func(string) string) string {
		return `(CASE WHEN ` + in(`title`) + ` THEN 10 WHEN ` + in(`tags`) + ` THEN 4 WHEN ` + in(`summary`) + ` THEN 2 ELSE 1 END)`
	})
}

// eachTerm joins what of makes for each term, by the condition that the term stands in a column of document d.
func eachTerm(terms []text.SearchTerm, args *database.Args, join string, of func(in func(column string) string) string) string {
	// A space before a term is the begin of a word; one behind it its end, unless any word may begin with the term.
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
func (s *Service) scores(terms []text.SearchTerm, args *database.Args) string {
	var score string
	if s.source.Dialect() == database.Postgres {
		score = `ts_rank(d.document, to_tsquery('simple', ` + args.Add(text.TSQuery(terms)) + `))`
	} else {
		score = places(terms, args)
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
		best, s.scores(c.terms, &args), direction, direction, direction)
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
