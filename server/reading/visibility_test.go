package reading_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/reading/history"
	"petitiond/server/sitetest"
)

// marker is a petition with everything that a read could come upon.
type marker struct {
	petitioning.Created
	slug, oldSlug, tag           string
	tagID, named, unnamed        uuid.UUID
	comment, reply, reason, rude uuid.UUID
}

// mark makes a marker that is open and was signed just now.
func mark(t testing.TB, b *bundle) marker {
	t.Helper()
	m := marker{tag: "Marked"}
	m.Created = b.MustPublish(t, func(d *petitioning.Draft) { d.Title, d.Tags = "Marker", []string{m.tag} })
	ok(t, b.Update(operator(t), b.Edit(t, m.Petition, func(u *petitioning.Update) { u.Title = p("Moved marker") })))
	m.slug, m.oldSlug = "moved-marker", "marker"
	b.MustSign(t, m.Petition, 1, func(s *petitioning.Signing) { s.ShowName, s.Comment = true, p("Reason") })
	b.MustSign(t, m.Petition, 2)
	m.comment = b.MustComment(t, petitioning.Remark{Petition: m.Petition, Body: "Comment"})
	m.reply = b.MustComment(t, petitioning.Remark{Petition: m.Petition, Parent: &m.comment, Body: "Reply"})
	m.rude = b.MustComment(t, petitioning.Remark{Petition: m.Petition, Body: "Rude"})
	b.Exec(t, `UPDATE comments SET state = 'HIDDEN' WHERE id = $1`, m.rude)
	m.tagID = value[uuid.UUID](t, b, `SELECT id FROM tags`)
	m.named = value[uuid.UUID](t, b, `SELECT id FROM signatures WHERE show_name`)
	m.unnamed = value[uuid.UUID](t, b, `SELECT id FROM signatures WHERE NOT show_name`)
	m.reason = value[uuid.UUID](t, b, `SELECT id FROM comments WHERE from_signatory`)
	ok(t, b.RankAll(t.Context()))
	return m
}

// rule says who comes upon the marker by a read.
type rule int

const (
	whoSees  rule = iota // who may see the petition in its state
	whenOpen             // everybody, while it is open
	inPublic             // everybody, while everybody may see it
	nobody
)

// sight is one read and whether anything of the marker is in its answer.
type sight struct {
	method string // of Reader
	rule   rule
	sees   func(context.Context) (bool, error)
}

// sights are all the reads of Reader, some of them in several ways.
func sights(b *bundle, m marker) []sight {
	all := &reading.Filter{States: sitetest.States}
	list := func(q reading.PetitionQuery) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			page, err := b.Reads(ctx).Petitions(ctx, q, keyset.Args{})
			if err != nil {
				return false, err
			}
			total, err := page.TotalCount(ctx)
			if err == nil && *total != len(page.Edges) {
				err = fmt.Errorf("%d rows and a total of %d", len(page.Edges), *total)
			}
			return slices.Contains(idsOf(page), m.Petition), err
		}
	}
	id, ids, several := m.Petition, []uuid.UUID{m.Petition}, []uuid.UUID{uuid.New(), m.Petition}
	everything := reading.Selection{Figures: true, Body: true}
	byCreation := reading.Order{Field: reading.ByCreatedAt, Direction: reading.Desc}
	return []sight{
		{"Petitions", whenOpen, list(reading.PetitionQuery{})},
		{"Petitions", whoSees, list(reading.PetitionQuery{Filter: all})},
		{"Petitions", whoSees, list(reading.PetitionQuery{Filter: all, Search: p("marker")})},
		{"Petitions", whoSees, list(reading.PetitionQuery{Filter: all, Search: p("marker"), Order: &byCreation})},
		{"Petitions", whoSees, list(reading.PetitionQuery{Filter: &reading.Filter{States: sitetest.States, Tags: []string{m.tag}}})},
		{"TagPetitions", whenOpen, func(ctx context.Context) (bool, error) {
			pages, err := b.Reads(ctx).TagPetitions(ctx, byCreation, reading.Selection{}, keyset.Args{}, m.tagID)
			return len(pages[m.tagID].Edges) > 0, err
		}},
		{"Petitions", whoSees, list(reading.PetitionQuery{Filter: all, Selection: everything})},
		{"Petitions", whoSees, list(reading.PetitionQuery{Filter: all, Selection: everything, Search: p("marker")})},
		{"TagPetitions", whenOpen, func(ctx context.Context) (bool, error) {
			pages, err := b.Reads(ctx).TagPetitions(ctx, byCreation, everything, keyset.Args{}, m.tagID, uuid.New())
			return len(pages[m.tagID].Edges)+len(pages[m.tagID].Figures()) > 0, err
		}},
		{"PetitionsByID", whoSees, func(ctx context.Context) (bool, error) {
			return foundAny(b.Reads(ctx).PetitionsByID(ctx, ids, reading.Selection{}))
		}},
		{"PetitionsByID", whoSees, func(ctx context.Context) (bool, error) {
			return foundAny(b.Reads(ctx).PetitionsByID(ctx, several, everything))
		}},
		{"PetitionBySlug", whoSees, func(ctx context.Context) (bool, error) {
			return foundAny(b.Reads(ctx).PetitionBySlug(ctx, m.slug, reading.Selection{}))
		}},
		{"PetitionBySlug", whoSees, func(ctx context.Context) (bool, error) {
			return foundAny(b.Reads(ctx).PetitionBySlug(ctx, m.oldSlug, everything))
		}},
		{"Sees", whoSees, func(ctx context.Context) (bool, error) { return b.Reads(ctx).Sees(ctx, id) }},
		{"Bodies", whoSees, func(ctx context.Context) (bool, error) { return keyed(b.Reads(ctx).Bodies(ctx, ids)) }},
		{"Bodies", whoSees, func(ctx context.Context) (bool, error) { return keyed(b.Reads(ctx).Bodies(ctx, several)) }},
		{"Figures", whoSees, func(ctx context.Context) (bool, error) {
			return keyed(b.Reads(ctx).Figures(ctx, ids, reading.WithoutHours))
		}},
		{"Figures", whoSees, func(ctx context.Context) (bool, error) {
			return keyed(b.Reads(ctx).Figures(ctx, several, reading.WithoutHours))
		}},
		{"Figures", whoSees, func(ctx context.Context) (bool, error) {
			return keyed(b.Reads(ctx).Figures(ctx, ids, reading.WithHours))
		}},
		{"Figures", whoSees, func(ctx context.Context) (bool, error) {
			return keyed(b.Reads(ctx).Figures(ctx, several, reading.WithHours))
		}},
		{"Histories", whoSees, func(ctx context.Context) (bool, error) { return some(b.History(ctx, id, history.Hour, nil, nil)) }},
		{"Histories", whoSees, func(ctx context.Context) (bool, error) {
			points, err := b.History(ctx, id, history.Hour, p(monday.Add(-time.Hour)), p(monday.Add(time.Hour)))
			return slices.ContainsFunc(points, func(c *history.Point) bool { return c.Total > 0 }), err
		}},
		{"Tags", whoSees, func(ctx context.Context) (bool, error) {
			page, err := b.Reads(ctx).Tags(ctx, nil, keyset.Args{})
			if err != nil {
				return false, err
			}
			total, err := page.TotalCount(ctx)
			return len(page.Edges)+*total > 0, err
		}},
		{"Tags", whoSees, func(ctx context.Context) (bool, error) {
			page, err := b.Reads(ctx).Tags(ctx, p("mark"), keyset.Args{})
			return err == nil && len(page.Edges) > 0, err
		}},
		{"TagByName", whoSees, func(ctx context.Context) (bool, error) {
			tag, err := b.Reads(ctx).TagByName(ctx, m.tag)
			return tag != nil, err
		}},
		{"TagsByID", whoSees, func(ctx context.Context) (bool, error) { return some(b.Reads(ctx).TagsByID(ctx, []uuid.UUID{m.tagID})) }},
		{"TagsOf", whoSees, func(ctx context.Context) (bool, error) { return keyed(b.Reads(ctx).TagsOf(ctx, ids)) }},
		{"TagsOf", whoSees, func(ctx context.Context) (bool, error) { return keyed(b.Reads(ctx).TagsOf(ctx, several)) }},
		{"TrendingTags", whenOpen, func(ctx context.Context) (bool, error) { return some(b.Reads(ctx).TrendingTags(ctx, 100)) }},
		{"Statistics", inPublic, func(ctx context.Context) (bool, error) {
			all, err := b.Reading.Statistics(ctx)
			return all.PetitionCount+all.SignatureCount+all.SignaturesLastHour > 0, err
		}},
		{"Signatures", whoSees, func(ctx context.Context) (bool, error) {
			pages, err := b.Reads(ctx).Signatures(ctx, keyset.Args{}, id, uuid.New())
			return len(pages[id].Edges) > 0, err
		}},
		{"Signatures", whoSees, func(ctx context.Context) (bool, error) {
			pages, err := b.Reads(ctx).Signatures(ctx, keyset.Args{}, id)
			return len(pages[id].Edges) > 0, err
		}},
		{"SignaturesByID", whoSees, func(ctx context.Context) (bool, error) {
			return some(b.Reads(ctx).SignaturesByID(ctx, []uuid.UUID{m.named}))
		}},
		{"SignaturesByID", nobody, func(ctx context.Context) (bool, error) {
			return some(b.Reads(ctx).SignaturesByID(ctx, []uuid.UUID{m.unnamed}))
		}},
		{"Comments", whoSees, func(ctx context.Context) (bool, error) {
			pages, err := b.Reads(ctx).Comments(ctx, sitetest.ByOrder(reading.Newest), keyset.Args{}, id, uuid.New())
			return len(pages[id].Edges) > 0, err
		}},
		{"Comments", whoSees, func(ctx context.Context) (bool, error) {
			pages, err := b.Reads(ctx).Comments(ctx, sitetest.ByOrder(reading.Newest), keyset.Args{}, id)
			return len(pages[id].Edges) > 0, err
		}},
		{"CommentsByID", whoSees, func(ctx context.Context) (bool, error) {
			return some(b.Reads(ctx).CommentsByID(ctx, []uuid.UUID{m.comment}))
		}},
		{"CommentsByID", whoSees, func(ctx context.Context) (bool, error) {
			return some(b.Reads(ctx).CommentsByID(ctx, []uuid.UUID{m.reply, m.reason}))
		}},
		{"CommentsByID", nobody, func(ctx context.Context) (bool, error) {
			return some(b.Reads(ctx).CommentsByID(ctx, []uuid.UUID{m.rude}))
		}},
		{"CommentsAfter", whoSees, func(ctx context.Context) (bool, error) { return some(b.Reads(ctx).CommentsAfter(ctx, id, 0, 50)) }},
		{"CommentsAfter", nobody, func(ctx context.Context) (bool, error) { return some(b.Reads(ctx).CommentsAfter(ctx, id, 3, 50)) }},
		{"Replies", whoSees, func(ctx context.Context) (bool, error) {
			pages, err := b.Reads(ctx).Replies(ctx, reading.WithBodies, keyset.Args{}, m.comment)
			return len(pages[m.comment].Edges) > 0, err
		}},
		{"Replies", whoSees, func(ctx context.Context) (bool, error) {
			pages, err := b.Reads(ctx).Replies(ctx, reading.WithBodies, keyset.Args{}, m.comment, uuid.New())
			return len(pages[m.comment].Edges) > 0, err
		}},
	}
}

func some[V any](list []V, err error) (bool, error)               { return len(list) > 0, err }
func keyed[V any](found map[uuid.UUID]V, err error) (bool, error) { return len(found) > 0, err }
func foundAny(f reading.Found, err error) (bool, error) {
	return len(f.Rows)+len(f.Figures) > 0, err
}

func (r rule) allows(state petition.State, mayEdit bool) bool {
	switch r {
	case whoSees:
		return sitetest.IsPublic(state) || mayEdit
	case whenOpen:
		return state == petition.StateOPEN
	case inPublic:
		return sitetest.IsPublic(state)
	default:
		return false
	}
}

// TestWhoSeesWhat runs every read in every state of a petition as everybody.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		m, other := mark(t, b), b.MustCreate(t)
		key, err := b.CreateAPIKey(t.Context(), "Partner", []petitioning.Scope{petitioning.ScopeSign, petitioning.ScopeModerate})
		ok(t, err)
		actors := map[string]struct {
			ctx     context.Context
			mayEdit bool
		}{
			"Nobody": {b.As(t, ""), false}, "Partner": {b.As(t, key), false}, "Stranger": {b.As(t, other.EditToken), false},
			"Petitioner": {b.As(t, m.EditToken), true}, "Operator": {b.As(t, adminKey), true},
		}
		for _, state := range sitetest.States {
			b.Move(t, m.Petition, state)
			for who, actor := range actors {
				for _, s := range sights(b, m) {
					got, err := s.sees(actor.ctx)
					if want := s.rule.allows(state, actor.mayEdit); err != nil || got != want {
						t.Errorf("%s by %s in %s: seen %v, error %v; want %v", s.method, who, state, got, err, want)
					}
				}
			}
		}
	})
}

// TestEveryReadIsGuarded fails when Reader gains a method that the tests above do not know.
func TestEveryReadIsGuarded(t *testing.T) {
	t.Parallel()
	known := []string{
		// They tell nothing of a petition, or only of a row that the caller has.
		"As", "BodyHTML", "HistorySize", "IsFresh", "SignatoryName", "URL",
		// The hub shows its values to nobody by itself.
		"News",
	}
	for _, s := range sights(nil, marker{}) {
		known = append(known, s.method)
	}
	reader := reflect.TypeFor[*reading.Reader]()
	for i := range reader.NumMethod() {
		if name := reader.Method(i).Name; !slices.Contains(known, name) {
			t.Errorf("nobody has said who sees what %s gives", name)
		}
	}
}
