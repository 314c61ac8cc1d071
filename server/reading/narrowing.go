package reading

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
	"petitiond/server/text"
)

// narrowing is a condition that few or many petitions may meet. If they are few, all of them are read and sorted; if
// they are many, the list is walked in its order and the condition is checked for each petition, until the page is
// full. Neither database can know which is better, since the condition is on values in another table.
type narrowing struct {
	set   func(*database.Args) string // a SELECT of the petitions' ids, AS id
	probe func(*database.Args) string // AND the condition on p.id, which the planner cannot turn into a join
}

// Sizes say up to how many petitions are read and sorted, before a list is walked in its order instead.
type Sizes struct {
	Few     int // where one condition narrows the list
	Several int // where several do: many petitions may meet each of them, and none all of them
	Counted int // where up to countedMost are to be counted
}

// usualSizes suit a site of some hundred thousand petitions: about as many petitions are read and sorted as a walk
// would pass before a page is full.
var usualSizes = Sizes{Few: 4000, Several: 20_000, Counted: 50_000}

// place is where petitions AS p are chosen from.
type place struct {
	from  string
	where string // all conditions except those on the states
}

// source is where the petitions of a list are chosen from: one place or two. A place that is empty is not asked for.
type source struct {
	place
	few  bool  // there are so few that they are sorted, instead of walking the list until a page is full
	mine place // the viewer's own petitions, which are few, in states that not everybody sees
	args database.Args
}

// asked returns the source that reads the petitions that meet one of the narrowings, given by its index, and checks the
// others for each of them. With -1 all narrowings are checked for each petition, as they are for the viewer's own.
func (c conditions) asked(through int, d database.Dialect) (out source) {
	if len(c.states) > 0 || len(c.ownIn) == 0 {
		out.place = place{`petitions AS p`, visibility.Here + c.own(&out.args)}
		for i, n := range c.narrow {
			if i != through {
				out.where += n.probe(&out.args)
				continue
			}
			from, on := goThrough(n.set(&out.args), d)
			out.from, out.few, out.where = from, true, out.where+on
		}
	}
	if len(c.ownIn) > 0 {
		from, on := goThrough(`SELECT m.id FROM petitions AS m WHERE m.id IN (`+visibility.Own+`)`, d)
		out.mine = place{from, `p.id IN (` + visibility.Own + `)` + on + c.own(&out.args)}
		for _, n := range c.narrow {
			out.mine.where += n.probe(&out.args)
		}
	}
	return out
}

// rows returns a SELECT of all petitions of the source, without an order.
func (s source) rows(c conditions) string {
	var parts []string
	if s.from != "" {
		parts = append(parts, `SELECT 1 AS one FROM `+s.from+` WHERE `+s.where+c.inStates())
	}
	if s.mine.from != "" {
		parts = append(parts, `SELECT 1 AS one FROM `+s.mine.from+` WHERE `+s.mine.where+in(`p.state`, c.ownIn))
	}
	return strings.Join(parts, ` UNION ALL `)
}

// goThrough returns the tables that yield the petitions of a set, and the condition that joins them.
func goThrough(set string, d database.Dialect) (from, on string) {
	from = `(` + set + `) AS chosen CROSS JOIN `
	if d == database.Postgres {
		// The planner may overestimate their number, and would then read the whole table instead.
		return from + `LATERAL (SELECT one.id, one.state, one.language, one.created_at, one.starts_at, one.ends_at
 FROM petitions AS one WHERE one.id = chosen.id OFFSET 0) AS p`, ``
	}
	return from + `petitions AS p`, ` AND p.id = chosen.id`
}

// choose decides how the petitions of a list are found. This costs one statement if there are narrowings.
func (s *Reader) choose(ctx context.Context, c conditions) (source, error) {
	if len(c.narrow) > 1 {
		return s.chooseAmong(ctx, c, s.opt.Sizes.Several)
	}
	return s.chooseAmong(ctx, c, s.opt.Sizes.Few)
}

// chooseAmong returns a source by the narrowing that the fewest petitions meet, if they are at most so many.
func (s *Reader) chooseAmong(ctx context.Context, c conditions, most int) (source, error) {
	if len(c.states) == 0 { // at most the viewer's own petitions
		return c.asked(-1, s.source.Dialect()), nil
	}
	// Counted, not estimated: planners guess such numbers wrong by orders of magnitude.
	sizes, err := s.sizes(ctx, c.narrow, most)
	if err != nil {
		return source{}, err
	}
	// The narrowest wins: the others are checked for each of its petitions.
	fewest := -1
	for i, size := range sizes {
		if size <= most && (fewest < 0 || size < sizes[fewest]) {
			fewest = i
		}
	}
	return c.asked(fewest, s.source.Dialect()), nil
}

// sizes returns how many petitions meet each of the conditions; it stops counting above most.
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
	err := s.source.Each(ctx, visibility.Unshown(`SELECT `+strings.Join(counts, `, `), args), func(rows *sql.Rows) error { return rows.Scan(into...) })
	if err != nil {
		return nil, fmt.Errorf("sizing a list: %w", err)
	}
	return sizes, nil
}

// checkTags refuses more tags than a filter may have.
func (f Filter) checkTags() error {
	for _, list := range []struct {
		argument string
		names    []string
	}{{"filter.tags", f.Tags}, {"filter.allTags", f.AllTags}} {
		if len(list.names) > 2*text.TagsMax {
			return &keyset.ArgumentError{Argument: list.argument, Message: fmt.Sprintf("Give at most %d tags.", 2*text.TagsMax)}
		}
	}
	return nil
}

// tagged returns the narrowings of a filter to petitions with any or all of its tags. Blank ones are passed over.
func (c conditions) tagged(f Filter) (out []narrowing) {
	if names := slices.DeleteFunc(slices.Clone(f.Tags), text.IsBlank); len(names) > 0 {
		out = append(out, c.bearing(names))
	}
	for _, name := range f.AllTags {
		if !text.IsBlank(name) {
			out = append(out, c.bearing([]string{name}))
		}
	}
	return out
}

// bearing narrows to petitions with one of the tags, in the states of the list: of a tag that many drafts or closed
// petitions bear, nobody reads those that they do not ask for.
func (c conditions) bearing(names []string) narrowing {
	among := func(args *database.Args) string {
		ids := make([]string, len(names))
		for i, name := range names {
			ids[i] = named(name, args)
		}
		return strings.Join(ids, `, `)
	}
	// A petition may have several of the tags, and must not come twice. With one tag there is nothing to compare.
	distinct := ``
	// It costs sorting or hashing all that is found.
	if len(names) > 1 {
		distinct = `DISTINCT `
	}
	return narrowing{
		set: func(args *database.Args) string {
			return `SELECT ` + distinct + `x.petition_id AS id FROM petition_tags AS x WHERE x.tag_id IN (` + among(args) + `)` + c.in(`x.state`)
		},
		probe: func(args *database.Args) string {
			// A scalar with a LIMIT, since both planners would turn an EXISTS or an IN into a join.
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

// searched narrows to petitions in which every term of the search is found, in the states of the list, as bearing does.
func (s *Service) searched(c conditions) narrowing {
	return narrowing{
		set: func(args *database.Args) string { return s.statement(c).Matches(args) },
		probe: func(args *database.Args) string {
			return ` AND (SELECT ` + s.statement(c).MatchesOne(args) + ` FROM search_documents AS d WHERE d.petition_id = p.id LIMIT 1)`
		},
	}
}
