package reading

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/sight"
	"petitiond/server/text"
)

// OrderField is what petitions are ordered by.
type OrderField string

// Direction is which way they are.
type Direction string

// The orders of petitions.
const (
	ByCreatedAt      OrderField = "CREATED_AT"
	ByStartsAt       OrderField = "STARTS_AT"
	ByEndsAt         OrderField = "ENDS_AT"
	BySignatureCount OrderField = "SIGNATURE_COUNT"
	ByTrending       OrderField = "TRENDING"
	ByRelevance      OrderField = "RELEVANCE"

	Asc  Direction = "ASC"
	Desc Direction = "DESC"
)

// Order is an order of petitions.
type Order struct {
	Field     OrderField
	Direction Direction
}

// Filter says which petitions a list has. An empty field is no condition, but for States.
type Filter struct {
	States        []petition.State // empty: OPEN
	Tags          []string         // any of
	AllTags       []string         // all of
	Language      *string
	MinSignatures *int
	StartedAfter  *time.Time
	EndsBefore    *time.Time
}

// PetitionQuery asks for a list of petitions.
type PetitionQuery struct {
	Search *string
	Filter *Filter
	Order  *Order // nil: the newest first, or the most relevant with a search
	Wanted Wanted `json:"-"` // changes nothing about the list, so that its cursors stay good
}

const (
	countedMost = 10_000 // a total above is not worth its price
	searchMost  = 200    // characters of a search
)

// Petitions gives a page of petitions that the actor may see.
func (s *Reader) Petitions(ctx context.Context, q PetitionQuery, page keyset.Args) (*PetitionConnection, error) {
	if q.Search != nil && strings.TrimSpace(*q.Search) == "" {
		q.Search = nil
	}
	if q.Search != nil && len([]rune(*q.Search)) > searchMost {
		return nil, &keyset.ArgumentError{Argument: "search", Message: fmt.Sprintf("A search has at most %d characters.", searchMost)}
	}
	if q.Order == nil && q.Search != nil {
		q.Order = &Order{Field: ByRelevance, Direction: Desc}
	}
	dependOnLists(ctx)
	l, err := s.petitionListing(ctx, "petitions", q)
	if err != nil {
		return nil, err
	}
	if _, err := page.Window(keyset.DefaultSize, keyset.MaxSize); err != nil {
		return nil, err
	}
	total := s.counting(l)
	if err := s.choose(ctx, &l); err != nil {
		return nil, err
	}
	if l.order.Field == ByRelevance {
		c, err := s.relevant(ctx, q, l, page)
		if err == nil {
			c.total = total
		}
		return c, err
	}
	l.sort(s.source.Dialect())
	figures := l.want(ctx, q.Wanted)
	found, err := browse(ctx, s, l.listing, page)
	if err != nil {
		return nil, err
	}
	c := found[uuid.Nil]
	dependOnFigures(ctx, figures)
	c.figures, c.total = figures, total
	return c, nil
}

// TagPetitions gives the page of each tag's open petitions.
func (s *Reader) TagPetitions(
	ctx context.Context, order Order, wanted Wanted, page keyset.Args, tags ...uuid.UUID,
) (map[uuid.UUID]*PetitionConnection, error) {
	l, err := s.petitionListing(ctx, "tag petitions", PetitionQuery{Order: &order, Wanted: wanted})
	if err != nil {
		return nil, err
	}
	l.from = `petition_tags AS pt CROSS JOIN petitions AS p`
	l.where += ` AND pt.tag_id = ` + sight.Parent + ` AND p.id = pt.petition_id`
	l.few = true
	l.sort(s.source.Dialect())
	if order.Field == ByCreatedAt { // which stands beside the tag, in the index
		l.keys = keyset.Order{Columns: []string{`pt.created`, `pt.petition_id`}, Desc: l.keys.Desc, Micros: true}
		l.read(new(sortMicros))
	}
	figures := l.want(ctx, wanted)
	dependOnLists(ctx)
	found, err := browse(ctx, s, l.listing, page, tags...)
	dependOnFigures(ctx, figures)
	for _, c := range found {
		c.figures = figures
	}
	return found, err
}

// petitionList is a list of petitions on the way to its statement.
type petitionList struct {
	listing[*ent.Petition]
	order  Order
	shown  Columns
	states []petition.State
	own    func(*database.Args) string // AND … what is asked of the rows themselves
	narrow []narrowing
	from   string // where petitions are chosen from
	few    bool   // these are so few that they are sorted, instead of walking along the order until a page is full
}

// petitionListing gathers the conditions of a list of petitions.
func (s *Reader) petitionListing(ctx context.Context, name string, q PetitionQuery) (petitionList, error) {
	l := petitionList{order: Order{Field: ByCreatedAt, Direction: Desc}, shown: q.Wanted.Columns, from: `petitions AS p`}
	if q.Order != nil {
		l.order = *q.Order
	}
	l.seen, l.where = s.viewer.Petitions(`p`), sight.Here
	if err := l.check(q.Search != nil); err != nil {
		return l, err
	}
	if err := s.filter(ctx, &l, q.Filter); err != nil {
		return l, err
	}
	if q.Search != nil {
		l.narrow, l.byValues = append(l.narrow, s.search(*q.Search)), true
	}
	described, err := json.Marshal(q)
	if err != nil {
		return l, fmt.Errorf("describing a list: %w", err)
	}
	l.name = name + " " + string(described)
	return l, nil
}

// check refuses orders that there are not.
func (l *petitionList) check(searching bool) error {
	switch l.order.Field {
	case ByCreatedAt, ByStartsAt, ByEndsAt, BySignatureCount, ByTrending:
		return nil
	case ByRelevance:
		if searching {
			return nil
		}
		return &keyset.ArgumentError{Argument: "orderBy", Message: "RELEVANCE needs a search."}
	}
	return &keyset.ArgumentError{Argument: "orderBy", Message: "There is no such order."}
}

// inStates gives the condition of the states. They are written out, as few as they are, so that the planner knows how
// many petitions are in each.
func (l *petitionList) inStates() string {
	if len(l.states) == 0 {
		return ` AND FALSE`
	}
	names := make([]string, len(l.states))
	for i, state := range l.states {
		names[i] = `'` + string(state) + `'`
	}
	return ` AND p.state IN (` + strings.Join(names, `, `) + `)`
}

// sort sets the order of a list whose petitions are chosen, and how it is read.
func (l *petitionList) sort(d database.Dialect) {
	l.keys = keyset.Order{Desc: l.order.Direction == Desc, Columns: []string{`p.created_at`, `p.id`}}
	l.table = `petitions AS p`
	l.inner = &inner{from: l.from, branches: []branch{{where: l.inStates()}}}
	switch l.order.Field {
	case ByStartsAt:
		l.sortByTime(`p.starts_at`, d)
	case ByEndsAt:
		l.sortByTime(`p.ends_at`, d)
	case BySignatureCount:
		l.sortByRank(`r.signatures`, new(sortInt))
	case ByTrending:
		l.sortByRank(`r.trending`, new(sortFloat))
	default:
		if !l.few {
			l.walk(branch{})
		}
		l.read(&sortTime{})
	}
}

// sortByTime sorts by a time that may be absent, and then comes last.
func (l *petitionList) sortByTime(column string, d database.Dialect) {
	last, written := time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC), `'9999-12-31 23:59:59.999999+00:00'`
	if l.keys.Desc {
		last, written = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC), `'0001-01-01 00:00:00+00:00'`
	}
	if d == database.Postgres {
		written = `TIMESTAMPTZ ` + written
	}
	if l.few {
		l.keys.Columns[0] = `COALESCE(` + column + `, ` + written + `)`
	} else {
		l.keys.Columns[0] = column
		l.walk(branch{where: ` AND ` + column + ` IS NOT NULL`}, branch{where: ` AND ` + column + ` IS NULL`, key: written, last: &last})
	}
	l.read(&sortTime{})
}

// sortByRank sorts by a column of the ranks.
func (l *petitionList) sortByRank(column string, at sortValue) {
	l.keys.Columns = []string{column, `r.petition_id`} // the id that the index of the ranks has
	if l.few {
		l.inner.from += ` CROSS JOIN ranks AS r`
		l.inner.branches[0].where += ` AND r.petition_id = p.id`
	} else {
		l.inner.from = `ranks AS r CROSS JOIN ` + l.from
		l.inner.branches[0].where += ` AND p.id = r.petition_id`
	}
	l.read(at)
}

// walk reads the list along the indexes that are sorted within a state: a page of each, for each part of the order.
func (l *petitionList) walk(parts ...branch) {
	l.inner.branches = nil
	for _, state := range l.states {
		for _, b := range parts {
			b.where += ` AND p.state = '` + string(state) + `'`
			l.inner.branches = append(l.inner.branches, b)
		}
	}
	if len(l.states) == 0 {
		l.inner.branches = []branch{{where: ` AND FALSE`}}
	}
}

// read sets what is read of the petitions on a page. A list that is one walk, and passes few petitions by, reads them at
// once.
func (l *petitionList) read(at sortValue) {
	l.columns = l.shown.names() + `, page.key`
	if !l.few && !l.byValues && len(l.inner.branches) == 1 && l.inner.branches[0].last == nil {
		l.table, l.where = l.inner.from, l.where+l.inner.branches[0].where
		l.columns, l.inner = l.shown.names()+`, `+l.keys.Columns[0], nil
	}
	scan := l.shown.scanning(at)
	l.scan = func(row scanner) (*ent.Petition, keyset.Cursor, error) {
		p, err := scan(row)
		return p, keyset.Cursor{Keys: []keyset.Key{at.key()}, ID: p.ID}, err
	}
}

// want lets a list read more of its petitions. The numbers come with the rows, but beside them.
func (l *petitionList) want(ctx context.Context, w Wanted) map[uuid.UUID]*Figures {
	w.Tags = false
	r, scan := newReading(ctx, w), l.scan
	l.table += r.table()
	l.columns = r.columns() + l.columns
	l.scan = func(row scanner) (p *ent.Petition, at keyset.Cursor, err error) {
		p, err = r.scan(row, func(row scanner) (*ent.Petition, error) {
			p, at, err = scan(row)
			return p, err
		})
		return p, at, err
	}
	return r.figures
}

// knownStates gives the states that there are, each once: they are written into statements.
func knownStates(states []petition.State) []petition.State {
	return slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(states))), func(state petition.State) bool {
		return petition.StateValidator(state) != nil
	})
}

// filter adds the conditions of a filter.
func (s *Reader) filter(ctx context.Context, l *petitionList, f *Filter) error {
	if f == nil {
		f = &Filter{}
	}
	l.states = []petition.State{petition.StateOPEN}
	if len(f.States) > 0 {
		l.states = s.viewer.States(knownStates(f.States))
	}
	if err := l.tagged(`tags`, f.Tags, false); err != nil {
		return err
	}
	if err := l.tagged(`allTags`, f.AllTags, true); err != nil {
		return err
	}
	if f.MinSignatures != nil {
		l.narrow = append(l.narrow, signedBy(*f.MinSignatures))
	}
	language := ""
	if f.Language != nil {
		code, fault := text.CheckLocale(*f.Language)
		if fault != "" {
			return &keyset.ArgumentError{Argument: "filter.language", Message: fault}
		}
		language = code
	}
	l.own = func(args *database.Args) (out string) {
		if language != "" {
			out += ` AND (p.language = ` + args.Add(language) + ` OR p.language LIKE ` + args.Add(language+`-%`) + `)`
		}
		if f.StartedAfter != nil {
			out += ` AND p.starts_at > ` + args.Add(*f.StartedAfter)
		}
		if f.EndsBefore != nil {
			out += ` AND p.ends_at < ` + args.Add(*f.EndsBefore)
		}
		return out
	}
	own := l.own(&l.args)
	l.where += own
	if l.alongRanks() && (own != "" || len(f.States) > 0) {
		l.narrow = append(l.narrow, l.inRows())
	}
	l.byValues = len(l.narrow) > 0 || own != ""
	return nil
}

// alongRanks reports whether one walks along the ranks where the list is not gone through. So one does for the best of
// what a search finds.
func (l *petitionList) alongRanks() bool {
	switch l.order.Field {
	case BySignatureCount, ByTrending, ByRelevance:
		return true
	}
	return false
}

// counted gives a total that is counted when it is asked for, in one statement that stops early.
func (s *Service) counted(seen sight.Seen, table, where string, args database.Args) func(context.Context) (*int, error) {
	return func(ctx context.Context) (*int, error) {
		n := 0
		text := size(`SELECT 1 AS one FROM `+table+` WHERE `+where, countedMost)
		err := s.source.Each(ctx, seen.Statement(text, args), func(rows *sql.Rows) error { return rows.Scan(&n) })
		if err != nil {
			return nil, fmt.Errorf("counting a list: %w", err)
		}
		if n > countedMost {
			return nil, nil //nolint:nilnil // the contract's null: too many to count
		}
		return &n, nil
	}
}
