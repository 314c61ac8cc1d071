package reading

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/answerbudget"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
	"petitiond/server/text"
)

// Filter says which petitions a list has. An empty field is no condition, except for States.
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
	Search    *string
	Filter    *Filter
	Order     *Order    // nil: the newest first, or the most relevant with a search
	Selection Selection `json:"-"` // does not change the list, and cursors do not depend on it
}

const searchMost = 200 // characters of a search

// Petitions returns a page of petitions that the viewer may see.
func (s *Reader) Petitions(ctx context.Context, q PetitionQuery, page keyset.Args) (*PetitionConnection, error) {
	if q.Search != nil && text.IsBlank(*q.Search) {
		q.Search = nil
	}
	if q.Search != nil && len([]rune(*q.Search)) > searchMost {
		return nil, &keyset.ArgumentError{Argument: "search", Message: fmt.Sprintf("A search has at most %d characters.", searchMost)}
	}
	if q.Order == nil && q.Search != nil {
		q.Order = &Order{Field: ByRelevance, Direction: Desc}
	}
	dependOnLists(ctx)
	ctx, end := database.InOneTurn(ctx)
	defer end()
	c, err := s.conditions(ctx, "petitions", q)
	if err != nil {
		return nil, err
	}
	// Checked before anything is sized: a page that is refused must not cost a statement.
	if _, err := page.Window(keyset.DefaultSize, keyset.MaxSize); err != nil {
		return nil, err
	}
	from, err := s.choose(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := s.petitionPage(ctx, c, from, q, page)
	if err != nil {
		return nil, err
	}
	dependOnFigures(ctx, found.figures)
	out := *found // which others may have, too
	out.total = s.counting(c)
	return &out, nil
}

// petitionPage reads a page of the petitions of a source.
func (s *Reader) petitionPage(ctx context.Context, c conditions, from source, q PetitionQuery, page keyset.Args) (*PetitionConnection, error) {
	if c.order.Field == ByRelevance {
		return s.relevant(ctx, c, from, q, page)
	}
	read := func(ctx context.Context) (*PetitionConnection, error) {
		found, err := s.petitionPages(ctx, c, from, c.sort(c.order, from, s.source.Dialect()), q.Selection, page)
		return found[uuid.Nil], err
	}
	if c.byValues { // it may take long, and ends with those who asked for it
		return read(ctx)
	}
	return s.readOnce(ctx, c, q.Selection, page, read)
}

// samePage is everything that a page of petitions depends on.
type samePage struct {
	name          string // of the list, with its filter and order
	seen          visibility.Seen
	selection     Selection
	page          keyset.Window // without its bounds, which are pointers
	after, before string
}

// readOnce reads a page once for all who ask for it while it is being read for others. Each of them is charged for it.
func (s *Reader) readOnce(
	ctx context.Context, c conditions, selection Selection, page keyset.Args, read func(context.Context) (*PetitionConnection, error),
) (*PetitionConnection, error) {
	w, err := page.Window(keyset.DefaultSize, keyset.MaxSize)
	if err != nil {
		return nil, err
	}
	kind := samePage{c.name, c.seen, selection, w, deref(w.After), deref(w.Before)}
	// Pointers differ for each caller; what they point to is beside them.
	kind.page.After, kind.page.Before = nil, nil
	// The one that reads is charged row by row, the others below: each answer holds the rows.
	charged := false
	found, err := s.byPage.Read(ctx, kind, struct{}{}, func(ctx context.Context, keys []struct{}) (map[struct{}]*PetitionConnection, error) {
		charged = true
		found, err := read(ctx)
		return map[struct{}]*PetitionConnection{keys[0]: found}, err
	})
	if err != nil || charged {
		return found, err
	}
	for _, e := range found.Edges {
		if err := errors.Join(hold(ctx, e.Node), answerbudget.From(ctx).Read(len(e.Node.Body))); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// TagPetitions returns the page of each tag's open petitions.
func (s *Reader) TagPetitions(
	ctx context.Context, order Order, selection Selection, page keyset.Args, tags ...uuid.UUID,
) (map[uuid.UUID]*PetitionConnection, error) {
	dependOnLists(ctx)
	c, err := s.conditions(ctx, "tag petitions", PetitionQuery{Order: &order, Selection: selection})
	if err != nil {
		return nil, err
	}
	from := source{few: true, place: place{
		from:  `petition_tags AS pt CROSS JOIN petitions AS p`,
		where: visibility.Here + ` AND pt.tag_id = ` + visibility.Parent + c.in(`pt.state`) + ` AND p.id = pt.petition_id`,
	}}
	by := c.sort(order, from, s.source.Dialect())
	if order.Field == ByCreatedAt {
		by = c.byTagging(from)
	} else {
		c.byValues = true // all petitions of the tag are sorted
	}
	found, err := s.petitionPages(ctx, c, from, by, selection, page, tags...)
	for _, list := range found {
		dependOnFigures(ctx, list.figures)
		break // they all share one map
	}
	return found, err
}

// petitionPages reads pages of the petitions of a source, sorted, with what is wanted of them.
func (s *Reader) petitionPages(
	ctx context.Context, c conditions, from source, by sorting, w Selection, page keyset.Args, parents ...uuid.UUID,
) (map[uuid.UUID]*PetitionConnection, error) {
	w.Tags = false // for many petitions a separate statement is cheaper
	r := newReading(ctx, w)
	found, err := browse(ctx, s, petitionList(c, from, by, r), page, parents...)
	for _, one := range found {
		one.figures = r.figures
	}
	return found, err
}

// petitionList returns the list of the petitions of a source, sorted. A list that is a single walk, and skips few
// petitions, reads rows directly; others choose the ids of a page first.
func petitionList(c conditions, from source, by sorting, r *reading) list[*ent.Petition] {
	l := list[*ent.Petition]{
		name: c.name, seen: c.seen, args: from.args, order: by.keys, byValues: c.byValues, scan: r.placing(by.at),
	}
	if from.few || from.mine.from != "" || c.byValues || !by.inner.single() {
		l.columns, l.from, l.inner = r.columns()+r.Columns.Names()+`, page.key`, `petitions AS p`+r.table(), by.inner
		l.where = `p.id = page.id`
		return l
	}
	l.columns = r.columns() + r.Columns.Names() + `, ` + by.keys.Columns[0]
	l.from, l.where = by.inner[0].from+r.table(), by.inner[0].where
	return l
}

// placing returns a function that scans what is wanted besides a petition's row, the row, and its sort key.
func (r *reading) placing(at sortValue) func(scanner) (*ent.Petition, keyset.Cursor, error) {
	row := r.Columns.Scanning(at)
	return func(from scanner) (*ent.Petition, keyset.Cursor, error) {
		p, err := r.scan(from, row)
		return p, keyset.Cursor{Keys: []keyset.Key{at.key()}, ID: p.ID}, err
	}
}
