// Package searchsql writes the SQL by which the databases find petitions by the terms of a search, each by an index of
// its own. What is found is the same on both.
//
// PostgreSQL has an index of the documents in each state. SQLite has one of all that are public, in which the state is
// a term like the others. That one keeps no places of words, and so what needs them looks into the texts.
package searchsql

import (
	"strings"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/state"
	"petitiond/server/text"
)

// ListedLetters is of how many letters the beginnings of words have lists of their own in SQLite's index, or of fewer.
const ListedLetters = 4

// Search is what is looked for.
type Search struct {
	Dialect database.Dialect
	Terms   []text.SearchTerm
	States  []petition.State // of the petitions that may be found
	Crowded bool             // more words begin with the last term than SQLite merges lists of
}

// Matches returns a SELECT of the petitions that the search finds, in its states.
func (s Search) Matches(args *database.Args) string {
	var named, parts []string
	var unseen []petition.State
	for _, one := range s.States {
		switch {
		case s.Dialect == database.Postgres: // an index for each state
			parts = append(parts, `SELECT d.petition_id AS id FROM search_documents AS d WHERE `+s.MatchesOne(args)+` AND d.state = '`+string(one)+`'`)
		case state.Public(one):
			named = append(named, `"_`+string(one)+`"`)
		default:
			unseen = append(unseen, one)
		}
	}
	if len(named) > 0 {
		terms, look, more := s.Terms, ``, ``
		if s.Crowded { // the list of a shorter beginning, and a look at the text of what it finds
			look = ` JOIN search_documents AS d ON d.petition_id = e.petition_id`
			terms, more = text.Shortened(terms, ListedLetters), ` AND `+Search{Dialect: s.Dialect, Terms: terms}.MatchesOne(args)
		}
		parts = append(parts, `SELECT e.petition_id AS id FROM search_index JOIN search_entries AS e ON e.id = search_index.rowid`+look+`
 WHERE search_index MATCH `+args.Add(`(`+strings.Join(named, ` OR `)+`) AND `+text.FTSQuery(terms))+more)
	}
	if len(unseen) > 0 { // only the operator asks for all of these; they are in no index, which anybody could fill
		parts = append(parts, `SELECT d.petition_id AS id FROM petitions AS u CROSS JOIN search_documents AS d
 WHERE d.petition_id = u.id AND u.state IN `+state.List(unseen)+` AND `+s.MatchesOne(args))
	}
	return strings.Join(parts, ` UNION ALL `)
}

// MatchesOne returns the condition that every term occurs in the document d. SQLite's index can only be asked about one
// document by reading the whole list of a term, so the text itself is searched: it consists of terms separated by
// single spaces.
func (s Search) MatchesOne(args *database.Args) string {
	if s.Dialect == database.Postgres {
		return `d.document @@ to_tsquery('simple', ` + args.Add(text.TSQuery(s.Terms)) + `)`
	}
	return eachTerm(s.Terms, args, ` AND `, func(in func(string) string) string {
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

// Scores returns a statement that yields ids and scores, the greater the better, of the documents in best. Titles weigh
// most, then tags, then the summary: these are PostgreSQL's weights A to D. SQLite's bm25 would score all matches, and
// needs the places of words, which its index does not keep.
func (s Search) Scores(args *database.Args) string {
	var score string
	if s.Dialect == database.Postgres {
		score = `ts_rank(d.document, to_tsquery('simple', ` + args.Add(text.TSQuery(s.Terms)) + `))`
	} else {
		score = places(s.Terms, args)
	}
	return `SELECT d.petition_id AS id, ` + score + ` AS score FROM search_documents AS d WHERE d.petition_id IN (SELECT id FROM best)`
}
