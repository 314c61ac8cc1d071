package petitioning

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"petitiond/server/database"
)

// narrowing is a condition that few petitions may meet, or most. Where they are few they are gone through one by one
// and sorted; where they are many one walks along the order of the list and asks each petition, until the page is full.
// Neither database can know which is better, since what is asked for are values of another table.
type narrowing struct {
	set   func(*arguments) string // a SELECT of their ids, as id
	probe func(*arguments) string // the condition on p.id, which the planner cannot turn into a join
}

const (
	// fewMost is how many petitions are gone through: about as many as one walks past, on a site of some hundred
	// thousand petitions, before a page is full.
	fewMost = 4000
	// someMost is the same where several conditions must be met: all may be met by many, and together by none.
	someMost = 20_000
)

// choose decides how the petitions of a list are found, which costs one statement where anything narrows it.
func (s *Service) choose(ctx context.Context, l *petitionList) error {
	fewest, err := s.fewest(ctx, l.narrow)
	if err != nil {
		return err
	}
	for i, n := range l.narrow {
		if i != fewest {
			l.where += ` AND ` + n.probe(&l.args)
			continue
		}
		l.few, l.from = true, `(`+n.set(&l.args)+`) AS chosen CROSS JOIN `
		if s.db.Dialect == database.Postgres {
			// Its guess at their number may be wrong, and then it would read the whole table instead.
			l.from += `LATERAL (SELECT one.id, one.state, one.language, one.created_at, one.starts_at, one.ends_at
 FROM petitions AS one WHERE one.id = chosen.id OFFSET 0) AS p`
		} else {
			l.from, l.where = l.from+`petitions AS p`, l.where+` AND p.id = chosen.id`
		}
	}
	l.whereTable, l.whereArgs = l.from, slices.Clone(l.args)
	return nil
}

// fewest gives the place of the condition that the fewest petitions meet, or -1 where all are met by many.
func (s *Service) fewest(ctx context.Context, list []narrowing) (int, error) {
	if len(list) == 0 {
		return -1, nil
	}
	most := fewMost
	if len(list) > 1 {
		most = someMost
	}
	var args arguments
	counts, sizes, into := make([]string, len(list)), make([]int, len(list)), make([]any, len(list))
	for i, n := range list {
		counts[i] = fmt.Sprintf(`(SELECT COUNT(*) FROM (%s LIMIT %d) AS met)`, n.set(&args), most+1)
		into[i] = &sizes[i]
	}
	err := s.each(ctx, `SELECT `+strings.Join(counts, `, `), args, func(rows *sql.Rows) error { return rows.Scan(into...) })
	if err != nil {
		return -1, fmt.Errorf("sizing a list: %w", err)
	}
	fewest := 0
	for i, size := range sizes {
		if size < sizes[fewest] {
			fewest = i
		}
	}
	if sizes[fewest] > most {
		return -1, nil
	}
	return fewest, nil
}

// tagged adds the condition that a petition bears any or all of the tags.
func (l *petitionList) tagged(argument string, names []string, all bool) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) > 2*tagsMax {
		return &ArgumentError{Argument: "filter." + argument, Message: fmt.Sprintf("Give at most %d tags.", 2*tagsMax)}
	}
	if !all {
		l.narrow = append(l.narrow, bearing(names))
		return nil
	}
	for _, name := range names {
		l.narrow = append(l.narrow, bearing([]string{name}))
	}
	return nil
}

// bearing narrows to petitions with one of the tags.
func bearing(names []string) narrowing {
	among := func(args *arguments) string {
		ids := make([]string, len(names))
		for i, name := range names {
			ids[i] = `(SELECT t.id FROM tags AS t WHERE t.key = ` + args.add(TagKey(name)) + `)`
		}
		return strings.Join(ids, `, `)
	}
	distinct := ``
	if len(names) > 1 {
		distinct = `DISTINCT `
	}
	return narrowing{
		set: func(args *arguments) string {
			return `SELECT ` + distinct + `x.petition_id AS id FROM petition_tags AS x WHERE x.tag_id IN (` + among(args) + `)`
		},
		probe: func(args *arguments) string {
			return `(SELECT TRUE FROM petition_tags AS x WHERE x.petition_id = p.id AND x.tag_id IN (` + among(args) + `) LIMIT 1)`
		},
	}
}

// signedBy narrows to petitions with at least so many signatures.
func signedBy(n int) narrowing {
	return narrowing{
		set: func(args *arguments) string {
			return `SELECT x.petition_id AS id FROM ranks AS x WHERE x.signatures >= ` + args.add(n)
		},
		probe: func(args *arguments) string {
			return `(SELECT x.signatures >= ` + args.add(n) + ` FROM ranks AS x WHERE x.petition_id = p.id LIMIT 1)`
		},
	}
}

// search narrows to petitions in which every word of a search is found.
func (s *Service) search(search string) narrowing {
	query := s.matching(search)
	if query == "" { // nothing but punctuation: it stands in no petition
		return narrowing{
			set:   func(*arguments) string { return `SELECT x.petition_id AS id FROM ranks AS x WHERE FALSE` },
			probe: func(*arguments) string { return `FALSE` },
		}
	}
	set := func(args *arguments) string { return `SELECT d.petition_id AS id FROM ` + s.matches(args.add(query)) }
	if s.db.Dialect == database.SQLite { // whose index cannot be asked about one document
		return narrowing{set: set, probe: func(args *arguments) string { return `p.id IN (` + set(args) + `)` }}
	}
	return narrowing{set: set, probe: func(args *arguments) string {
		return `(SELECT d.document @@ to_tsquery('simple', ` + args.add(query) + `) FROM search_documents AS d WHERE d.petition_id = p.id LIMIT 1)`
	}}
}
