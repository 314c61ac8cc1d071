package reading

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/sight"
	"petitiond/server/text"
)

// narrowing is a condition that few petitions may meet, or most. Where they are few they are gone through one by one
// and sorted; where they are many one walks along the order of the list and asks each petition, until the page is full.
// Neither database can know which is better, since what is asked for are values of another table.
type narrowing struct {
	set   func(*database.Args) string // a SELECT of their ids, as id
	probe func(*database.Args) string // AND the condition on p.id, which the planner cannot turn into a join
	rare  bool                        // few meet it
}

// Sizes say how many petitions are gone through one by one before a list walks along its order instead.
type Sizes struct {
	Few     int // where one condition narrows the list
	Several int // where several do: all may be met by many, and together by none
	Counted int // where more than countedMost are to be counted
}

// usualSizes suit a site of some hundred thousand petitions: one goes through about as many as one walks past before a
// page is full.
var usualSizes = Sizes{Few: 4000, Several: 20_000, Counted: 50_000}

// choose decides how the petitions of a list are found, which costs one statement where anything narrows it.
func (s *Service) choose(ctx context.Context, l *petitionList) error {
	most := s.opt.Sizes.Few
	if len(l.narrow) > 1 {
		most = s.opt.Sizes.Several
	}
	return s.chooseAmong(ctx, l, most)
}

func (s *Service) chooseAmong(ctx context.Context, l *petitionList, most int) error {
	sizes, err := s.sizes(ctx, l.narrow, most)
	if err != nil {
		return err
	}
	fewest := -1
	for i, size := range sizes {
		if size <= most && (fewest < 0 || size < sizes[fewest]) {
			fewest = i
		}
		l.narrow[i].rare = size <= most
	}
	for i, n := range l.narrow {
		if i == fewest {
			l.goThrough(n.set(&l.args), s.source.Dialect())
		} else {
			l.where += n.probe(&l.args)
		}
	}
	return nil
}

// goThrough lets a list go through the petitions of a set.
func (l *petitionList) goThrough(set string, d database.Dialect) {
	l.few, l.from = true, `(`+set+`) AS chosen CROSS JOIN `
	if d == database.Postgres {
		// Its guess at their number may be wrong, and then it would read the whole table instead.
		l.from += `LATERAL (SELECT one.id, one.state, one.language, one.created_at, one.starts_at, one.ends_at
 FROM petitions AS one WHERE one.id = chosen.id OFFSET 0) AS p`
	} else {
		l.from, l.where = l.from+`petitions AS p`, l.where+` AND p.id = chosen.id`
	}
}

// counting gives the total of a list that is not chosen yet: to count many, it pays to go through more.
func (s *Service) counting(l petitionList) func(context.Context) (*int, error) {
	return func(ctx context.Context) (*int, error) {
		l := l
		l.args, l.narrow = slices.Clone(l.args), slices.Clone(l.narrow)
		if len(l.narrow) == 1 {
			n, all, err := s.countAmong(ctx, l, l.narrow[0])
			if err != nil || all {
				return n, err
			}
			l.where += l.narrow[0].probe(&l.args)
		} else if err := s.chooseAmong(ctx, &l, s.opt.Sizes.Counted); err != nil {
			return nil, err
		}
		return s.counted(l.seen, l.from, l.where+l.inStates(), l.args)(ctx)
	}
}

// countAmong counts a list among the first petitions that meet n, and tells whether that says the total: where most of the
// site meets it, too many are soon found, and where few do, these are all.
func (s *Service) countAmong(ctx context.Context, l petitionList, n narrowing) (total *int, all bool, err error) {
	l.goThrough(n.set(&l.args)+` LIMIT `+strconv.Itoa(s.opt.Sizes.Counted+1), s.source.Dialect())
	var found, met int
	text := fmt.Sprintf(`SELECT found, CASE WHEN found > %d THEN 0 ELSE (%s) END FROM (%s) AS early`,
		countedMost, size(n.set(&l.args), s.opt.Sizes.Counted), size(`SELECT 1 AS one FROM `+l.from+` WHERE `+l.where+l.inStates(), countedMost))
	err = s.source.Each(ctx, l.seen.Statement(text, l.args), func(rows *sql.Rows) error { return rows.Scan(&found, &met) })
	if err != nil {
		return nil, false, fmt.Errorf("counting a list: %w", err)
	}
	if found > countedMost {
		return nil, true, nil
	}
	return &found, met <= s.opt.Sizes.Counted, nil
}

// size counts the rows of a statement, as found; it stops above most.
func size(of string, most int) string {
	return fmt.Sprintf(`SELECT COUNT(*) AS found FROM (%s LIMIT %d) AS met`, of, most+1)
}

// sizes gives how many petitions meet each of the conditions; it stops counting above most.
func (s *Service) sizes(ctx context.Context, list []narrowing, most int) ([]int, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var args database.Args
	counts, sizes, into := make([]string, len(list)), make([]int, len(list)), make([]any, len(list))
	for i, n := range list {
		counts[i] = `(` + size(n.set(&args), most) + `)`
		into[i] = &sizes[i]
	}
	err := s.source.Each(ctx, sight.Unshown(`SELECT `+strings.Join(counts, `, `), args), func(rows *sql.Rows) error { return rows.Scan(into...) })
	if err != nil {
		return nil, fmt.Errorf("sizing a list: %w", err)
	}
	return sizes, nil
}

// tagged adds the condition that a petition bears any or all of the tags.
func (l *petitionList) tagged(argument string, names []string, all bool) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) > 2*text.TagsMax {
		return &keyset.ArgumentError{Argument: "filter." + argument, Message: fmt.Sprintf("Give at most %d tags.", 2*text.TagsMax)}
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
	among := func(args *database.Args) string {
		ids := make([]string, len(names))
		for i, name := range names {
			ids[i] = `(SELECT t.id FROM tags AS t WHERE t.key = ` + args.Add(text.TagKey(name)) + `)`
		}
		return strings.Join(ids, `, `)
	}
	distinct := ``
	if len(names) > 1 {
		distinct = `DISTINCT `
	}
	return narrowing{
		set: func(args *database.Args) string {
			return `SELECT ` + distinct + `x.petition_id AS id FROM petition_tags AS x WHERE x.tag_id IN (` + among(args) + `)`
		},
		probe: func(args *database.Args) string {
			return ` AND (SELECT TRUE FROM petition_tags AS x WHERE x.petition_id = p.id AND x.tag_id IN (` + among(args) + `) LIMIT 1)`
		},
	}
}

// signedBy narrows to petitions with at least so many signatures.
func signedBy(n int) narrowing {
	return narrowing{
		set: func(args *database.Args) string {
			return `SELECT x.petition_id AS id FROM ranks AS x WHERE x.signatures >= ` + args.Add(n)
		},
		probe: func(args *database.Args) string {
			return ` AND (SELECT x.signatures >= ` + args.Add(n) + ` FROM ranks AS x WHERE x.petition_id = p.id LIMIT 1)`
		},
	}
}

// search narrows to petitions in which every word of a search is found.
func (s *Service) search(search string) narrowing {
	query := s.matching(search)
	if query == "" { // nothing but punctuation: it stands in no petition
		return narrowing{
			set:   func(*database.Args) string { return `SELECT x.petition_id AS id FROM ranks AS x WHERE FALSE` },
			probe: func(*database.Args) string { return ` AND FALSE` },
		}
	}
	set := func(args *database.Args) string {
		return `SELECT d.petition_id AS id FROM ` + s.matches(args.Add(query))
	}
	return narrowing{set: set, probe: func(args *database.Args) string {
		return ` AND (SELECT ` + s.matchesOne(search, args) + ` FROM search_documents AS d WHERE d.petition_id = p.id LIMIT 1)`
	}}
}

// inRows narrows to the petitions that meet what the list asks of their own rows. Lists that walk along another table need
// it: where few petitions do, they would walk past all.
func (l *petitionList) inRows() narrowing {
	return narrowing{
		set: func(args *database.Args) string {
			return `SELECT p.id FROM petitions AS p WHERE TRUE` + l.own(args) + l.inStates()
		},
		probe: func(*database.Args) string { return `` }, // asked anyway
	}
}
