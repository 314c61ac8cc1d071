package petitioning

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

// petitionColumns are all but the body, which is wide, and what nobody is ever shown.
const petitionColumns = `p.id, p.slug, p.title, p.summary, p.language, p.addressees, p.state, p.outcome, p.petitioner, p.starts_at,
 p.ends_at, p.closed_at, p.created_at, p.updated_at, p.version`

// Petitions gives a page of petitions that the actor may see.
func (s *Service) Petitions(ctx context.Context, q PetitionQuery, page PageArgs) (*PetitionConnection, error) {
	if q.Search != nil && strings.TrimSpace(*q.Search) == "" {
		q.Search = nil
	}
	if q.Search != nil && len([]rune(*q.Search)) > searchMost {
		return nil, &ArgumentError{Argument: "search", Message: fmt.Sprintf("A search has at most %d characters.", searchMost)}
	}
	if q.Order == nil && q.Search != nil {
		q.Order = &Order{Field: ByRelevance, Direction: Desc}
	}
	dependOnLists(ctx)
	l, err := s.petitionListing(ctx, "petitions", q)
	if err != nil {
		return nil, err
	}
	if q.Order != nil && q.Order.Field == ByRelevance {
		return s.relevant(ctx, q, l, page)
	}
	total := s.counted(l.whereTable, l.where, l.whereArgs)
	figures := l.want(q.Wanted)
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
func (s *Service) TagPetitions(
	ctx context.Context, order Order, wanted Wanted, page PageArgs, tags ...uuid.UUID,
) (map[uuid.UUID]*PetitionConnection, error) {
	l, err := s.petitionListing(ctx, "tag petitions", PetitionQuery{Order: &order})
	if err != nil {
		return nil, err
	}
	l.table = `petition_tags AS pt JOIN ` + strings.Replace(l.table, `petitions AS p`, `petitions AS p ON p.id = pt.petition_id`, 1)
	l.where = `pt.tag_id = ` + parent + ` AND ` + l.where
	figures := l.want(wanted)
	dependOnLists(ctx)
	found, err := browse(ctx, s, l.listing, page, tags...)
	dependOnFigures(ctx, figures)
	for _, c := range found {
		c.figures = figures
	}
	return found, err
}

// petitionList is a list of petitions, some of which are read with more than others.
type petitionList struct{ listing[*ent.Petition] }

// petitionListing says how a list of petitions is read.
func (s *Service) petitionListing(ctx context.Context, name string, q PetitionQuery) (petitionList, error) {
	order := Order{Field: ByCreatedAt, Direction: Desc}
	if q.Order != nil {
		order = *q.Order
	}
	l := petitionList{listing[*ent.Petition]{
		table: `petitions AS p`,
		where: visible(ctx, `p`),
		keys:  keyset{desc: order.Direction == Desc},
	}}
	if err := s.filter(&l, q.Filter); err != nil {
		return l, err
	}
	if err := s.search(&l, q.Search); err != nil {
		return l, err
	}
	described, err := json.Marshal(q)
	if err != nil {
		return l, fmt.Errorf("describing a list: %w", err)
	}
	l.name = name + " " + string(described)
	l.whereTable, l.whereArgs = l.table, slices.Clone(l.args)
	key, at, err := l.orderBy(order, q.Search != nil)
	if err != nil {
		return l, err
	}
	l.keys.columns = []string{key, `p.id`}
	if order.Field == BySignatureCount || order.Field == ByTrending {
		l.keys.columns[1] = `r.petition_id` // the same id, but the one that the index of the ranks has
		l.ranked()
	}
	l.columns = petitionColumns + `, ` + key
	l.scan = func(row scanner) (*ent.Petition, cursor, error) {
		value := at()
		p, err := scanPetition(row, value)
		return p, cursor{Keys: []cursorKey{value.key()}, ID: p.ID}, err
	}
	return l, nil
}

// ranked joins the ranks, for the lists that need them.
func (l *petitionList) ranked() {
	const ranks = ` JOIN ranks AS r ON r.petition_id = p.id`
	if !strings.HasSuffix(l.table, ranks) {
		l.table += ranks
	}
}

// want lets a list read more of its petitions. The numbers come with the rows, but beside them.
func (l *petitionList) want(w Wanted) map[uuid.UUID]*Figures {
	r, scan := newReading(w), l.scan
	l.table += r.table()
	l.columns = r.columns() + l.columns
	l.scan = func(row scanner) (p *ent.Petition, at cursor, err error) {
		p, err = r.scan(row, func(row scanner) (*ent.Petition, error) {
			p, at, err = scan(row)
			return p, err
		})
		return p, at, err
	}
	return r.figures
}

// orderBy gives the SQL of the sort key and something to scan it into. A time that is absent sorts last
// whichever the direction.
func (l *listing[N]) orderBy(o Order, searching bool) (key string, at func() sortValue, err error) {
	last := time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
	if o.Direction == Desc {
		last = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	atTime := func() sortValue { return &sortTime{} }
	switch o.Field {
	case ByCreatedAt:
		return `p.created_at`, atTime, nil
	case ByStartsAt:
		return `COALESCE(p.starts_at, ` + l.args.add(last) + `)`, atTime, nil
	case ByEndsAt:
		return `COALESCE(p.ends_at, ` + l.args.add(last) + `)`, atTime, nil
	case BySignatureCount:
		return `r.signatures`, func() sortValue { return new(sortInt) }, nil
	case ByTrending:
		return `r.trending`, func() sortValue { return new(sortFloat) }, nil
	case ByRelevance:
		if searching {
			return `p.created_at`, atTime, nil // relevant() orders by itself
		}
		return "", nil, &ArgumentError{Argument: "orderBy", Message: "RELEVANCE needs a search."}
	}
	return "", nil, &ArgumentError{Argument: "orderBy", Message: "There is no such order."}
}

// filter adds the conditions of a filter.
func (s *Service) filter(l *petitionList, f *Filter) error {
	if f == nil {
		f = &Filter{}
	}
	states := f.States
	if len(states) == 0 {
		states = []petition.State{petition.StateOPEN}
	}
	var names []string
	for _, state := range slices.Compact(slices.Sorted(slices.Values(states))) {
		names = append(names, l.args.add(string(state)))
	}
	l.where += ` AND p.state IN (` + strings.Join(names, `, `) + `)`
	if err := l.tagged(`tags`, f.Tags, false); err != nil {
		return err
	}
	if err := l.tagged(`allTags`, f.AllTags, true); err != nil {
		return err
	}
	if f.Language != nil {
		code, fault := checkLocale(*f.Language)
		if fault != "" {
			return &ArgumentError{Argument: "filter.language", Message: fault}
		}
		l.where += ` AND (p.language = ` + l.args.add(code) + ` OR p.language LIKE ` + l.args.add(code+`-%`) + `)`
	}
	if f.MinSignatures != nil {
		l.ranked()
		l.where += ` AND r.signatures >= ` + l.args.add(*f.MinSignatures)
	}
	if f.StartedAfter != nil {
		l.where += ` AND p.starts_at > ` + l.args.add(*f.StartedAfter)
	}
	if f.EndsBefore != nil {
		l.where += ` AND p.ends_at < ` + l.args.add(*f.EndsBefore)
	}
	return nil
}

// tagged adds the condition that a petition bears any or all of the tags.
func (l *listing[N]) tagged(argument string, names []string, all bool) error {
	if len(names) == 0 {
		return nil
	}
	if len(names) > 2*tagsMax {
		return &ArgumentError{Argument: "filter." + argument, Message: fmt.Sprintf("Give at most %d tags.", 2*tagsMax)}
	}
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = `EXISTS (SELECT 1 FROM petition_tags AS x JOIN tags AS t ON t.id = x.tag_id
 WHERE x.petition_id = p.id AND t.key = ` + l.args.add(TagKey(name)) + `)`
	}
	glue := ` OR `
	if all {
		glue = ` AND `
	}
	l.where += ` AND (` + strings.Join(parts, glue) + `)`
	return nil
}

// counted gives a total that is counted when it is asked for, in one statement that stops early.
func (s *Service) counted(table, where string, args arguments) func(context.Context) (*int, error) {
	return func(ctx context.Context) (*int, error) {
		n := 0
		text := fmt.Sprintf(`SELECT COUNT(*) FROM (SELECT 1 AS one FROM %s WHERE %s LIMIT %d) AS counted`, table, where, countedMost+1)
		err := s.each(ctx, text, args, func(rows *sql.Rows) error { return rows.Scan(&n) })
		if err != nil {
			return nil, fmt.Errorf("counting a list: %w", err)
		}
		if n > countedMost {
			return nil, nil //nolint:nilnil // the contract's null: too many to count
		}
		return &n, nil
	}
}

func scanPetition(row scanner, more ...any) (*ent.Petition, error) {
	p := &ent.Petition{}
	var addressees []byte
	var created, updated database.Time
	var starts, ends, closed nullTime
	var outcome sql.NullString
	err := row.Scan(slices.Concat([]any{
		&p.ID, &p.Slug, &p.Title, &p.Summary, &p.Language, &addressees, &p.State, &outcome, &p.Petitioner, &starts, &ends,
		&closed, &created, &updated, &p.Version,
	}, more)...)
	if err != nil {
		return p, err
	}
	p.StartsAt, p.EndsAt, p.ClosedAt = starts.pointer(), ends.pointer(), closed.pointer()
	p.CreatedAt, p.UpdatedAt = created.Time, updated.Time
	if outcome.Valid {
		o := petition.Outcome(outcome.String)
		p.Outcome = &o
	}
	return p, json.Unmarshal(addressees, &p.Addressees)
}
