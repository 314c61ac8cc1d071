package reading

import (
	"context"
	"database/sql"
	"fmt"
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

// source is where the petitions of a list are chosen from.
type source struct {
	from  string
	where string // all conditions but those of the states
	args  database.Args
	few   bool // these are so few that they are sorted, instead of walking along the order until a page is full
	rare  bool // few petitions meet the last of the narrowings
}

// asked is the source that goes through what meets one of the narrowings, by its index, and asks each petition for the
// others; -1 asks for all of them.
func (c conditions) asked(through int, d database.Dialect) source {
	var args database.Args
	out := source{from: `petitions AS p`, where: sight.Here + c.own(&args)}
	for i, n := range c.narrow {
		if i != through {
			out.where += n.probe(&args)
			continue
		}
		from, on := goThrough(n.set(&args), d)
		out.from, out.few, out.where = from, true, out.where+on
	}
	out.args = args
	return out
}

// goThrough returns the tables of the petitions of a set, and what joins them.
func goThrough(set string, d database.Dialect) (from, on string) {
	from = `(` + set + `) AS chosen CROSS JOIN `
	if d == database.Postgres {
		// Its guess at their number may be wrong, and then it would read the whole table instead.
		return from + `LATERAL (SELECT one.id, one.state, one.language, one.created_at, one.starts_at, one.ends_at
 FROM petitions AS one WHERE one.id = chosen.id OFFSET 0) AS p`, ``
	}
	return from + `petitions AS p`, ` AND p.id = chosen.id`
}

// choose decides how the petitions of a list are found, which costs one statement where anything narrows it.
func (s *Reader) choose(ctx context.Context, c conditions) (source, error) {
	if len(c.narrow) > 1 {
		return s.chooseAmong(ctx, c, s.opt.Sizes.Several)
	}
	return s.chooseAmong(ctx, c, s.opt.Sizes.Few)
}

// chooseAmong goes through what meets the narrowing that fewest petitions meet, if those are at most so many.
func (s *Reader) chooseAmong(ctx context.Context, c conditions, most int) (source, error) {
	sizes, err := s.sizes(ctx, c.narrow, most)
	if err != nil {
		return source{}, err
	}
	fewest := -1
	for i, size := range sizes {
		if size <= most && (fewest < 0 || size < sizes[fewest]) {
			fewest = i
		}
	}
	out := c.asked(fewest, s.source.Dialect())
	out.rare = len(sizes) > 0 && sizes[len(sizes)-1] <= most
	return out, nil
}

// counting returns how the total of a list is learnt: to count many, it pays to go through more.
func (s *Reader) counting(c conditions) func(context.Context) (*int, error) {
	return func(ctx context.Context) (*int, error) {
		if len(c.narrow) == 1 {
			n, all, err := s.countAmong(ctx, c)
			if err != nil || all {
				return n, err
			}
			return s.countIn(ctx, c, c.asked(-1, s.source.Dialect()))
		}
		from, err := s.chooseAmong(ctx, c, s.opt.Sizes.Counted)
		if err != nil {
			return nil, err
		}
		return s.countIn(ctx, c, from)
	}
}

// countIn counts the petitions of a source.
func (s *Reader) countIn(ctx context.Context, c conditions, from source) (*int, error) {
	return s.counted(c.seen, from.from, from.where+c.inStates(), from.args)(ctx)
}

// countAmong counts a list among the first petitions that meet its one narrowing, and reports whether that is the total:
// where most of the site meets it, too many are soon found, and where few do, these are all.
func (s *Reader) countAmong(ctx context.Context, c conditions) (total *int, all bool, err error) {
	n, most := c.narrow[0], s.opt.Sizes.Counted
	c.narrow = []narrowing{{set: func(args *database.Args) string { return n.set(args) + ` LIMIT ` + strconv.Itoa(most+1) }}}
	early := c.asked(0, s.source.Dialect())
	var found, met int
	query := fmt.Sprintf(`SELECT found, CASE WHEN found > %d THEN 0 ELSE (%s) END FROM (%s) AS early`,
		countedMost, size(n.set(&early.args), most),
		size(`SELECT 1 AS one FROM `+early.from+` WHERE `+early.where+c.inStates(), countedMost))
	err = s.source.Each(ctx, c.seen.Statement(query, early.args), func(rows *sql.Rows) error { return rows.Scan(&found, &met) })
	if err != nil {
		return nil, false, fmt.Errorf("counting a list: %w", err)
	}
	if found > countedMost {
		return nil, true, nil
	}
	return &found, met <= most, nil
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

// tagged are the narrowings of a filter to petitions that bear any or all of its tags.
func tagged(f Filter) ([]narrowing, error) {
	for _, list := range []struct {
		argument string
		names    []string
	}{{"filter.tags", f.Tags}, {"filter.allTags", f.AllTags}} {
		if len(list.names) > 2*text.TagsMax {
			return nil, &keyset.ArgumentError{Argument: list.argument, Message: fmt.Sprintf("Give at most %d tags.", 2*text.TagsMax)}
		}
	}
	var out []narrowing
	if len(f.Tags) > 0 {
		out = append(out, bearing(f.Tags))
	}
	for _, name := range f.AllTags {
		out = append(out, bearing([]string{name}))
	}
	return out, nil
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

// signedBy narrows to petitions with at least so many signatures, in the states of the list.
func (c conditions) signedBy(n int) narrowing {
	return narrowing{
		set: func(args *database.Args) string {
			return `SELECT x.petition_id AS id FROM ranks AS x WHERE x.signatures >= ` + args.Add(n) + c.in(`x.state`)
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
