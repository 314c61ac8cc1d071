package petitioning_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
)

// life is what a petition must be after what was done with it.
type life struct {
	b     *bundle
	id    uuid.UUID
	owner context.Context
	other context.Context

	state                petition.State
	version              int
	countVersion         int
	goal                 int
	title                string
	signed               map[int]bool // who has
	named, comments      int
	starts, ends, closed *time.Time
	outcome              *petition.Outcome
	tags                 []string
}

// step is one thing that people do; it gives what should be answered and what was.
type step func(*life, *rapid.T) (want string, got error)

func stepsOfLife() map[string]step {
	return map[string]step{
		"publish": (*life).publish,
		"close":   (*life).close,
		"sign":    (*life).sign,
		"resign":  (*life).sign,
		"comment": (*life).comment,
		"goal":    (*life).moveGoal,
		"title":   (*life).retitle,
		"tags":    (*life).retag,
		"end":     (*life).moveEnd,
		"hide":    (*life).hide,
		"wait":    (*life).wait,
	}
}

func (l *life) published() bool { return sitetest.IsPublic(l.state) }

func (l *life) publish(*rapid.T) (string, error) {
	got := l.b.Publish(l.owner, l.id)
	switch {
	case l.published():
		return "", got
	case l.state != petition.StateDRAFT, l.ends != nil && !l.b.Clock.Now().Before(*l.ends):
		return "WRONG_STATE id", got
	}
	now := l.b.Clock.Now()
	if l.starts == nil || l.starts.Before(now) {
		l.starts = &now
	}
	l.state = petition.StateOPEN
	l.version++
	return "", got
}

func (l *life) close(r *rapid.T) (string, error) {
	outcome := rapid.SampledFrom([]*petition.Outcome{nil, p(petition.OutcomeVICTORY), p(petition.OutcomeREFUSED)}).Draw(r, "outcome")
	got := l.b.Close(l.owner, l.id, outcome)
	switch l.state {
	case petition.StateOPEN:
		at := l.b.Clock.Now()
		if l.ends != nil && l.ends.Before(at) {
			at = *l.ends
		}
		l.state, l.closed, l.outcome = petition.StateCLOSED, &at, outcome
		l.version++
	case petition.StateCLOSED:
		if outcome != nil && !same(l.outcome, outcome) {
			l.outcome = outcome
			l.version++
		}
	default:
		return "WRONG_STATE input.id", got
	}
	return "", got
}

func (l *life) sign(r *rapid.T) (string, error) {
	who, named := rapid.IntRange(0, 4).Draw(r, "person"), rapid.Bool().Draw(r, "named")
	got := l.b.Sign(l.other, signing(l.id, who, func(s *petitioning.Signing) { s.ShowName = named }))
	now := l.b.Clock.Now()
	switch {
	case !l.published():
		return "NOT_FOUND input.petitionId", got
	case l.state != petition.StateOPEN, now.Before(*l.starts), l.ends != nil && !now.Before(*l.ends):
		return "WRONG_STATE input.petitionId", got
	}
	if !l.signed[who] {
		l.signed[who] = true
		l.countVersion++
		if named {
			l.named++
		}
	}
	return "", got
}

func (l *life) comment(*rapid.T) (string, error) {
	_, got := l.b.Comment(l.other, petitioning.Remark{Petition: l.id, Body: "Well"})
	if !l.published() {
		return "NOT_FOUND input.petitionId", got
	}
	l.comments++
	return "", got
}

// edit sends an edit with the present version.
func (l *life) edit(adjust func(*petitioning.Update)) error { return l.editAs(l.owner, adjust) }

func (l *life) editAs(who context.Context, adjust func(*petitioning.Update)) error {
	u := petitioning.Update{Petition: l.id, Version: l.version}
	adjust(&u)
	return l.b.Update(who, u)
}

// retag gives the petition other tags, or the same.
func (l *life) retag(r *rapid.T) (string, error) {
	tags := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"bees", "trees", "moss"}), 0, 3, rapid.ID).Draw(r, "tags")
	got := l.edit(func(u *petitioning.Update) { u.Tags = &tags })
	if !l.editable() {
		return "WRONG_STATE input.id", got
	}
	if !slices.Equal(tags, l.tags) {
		l.tags = tags
		l.version++
	}
	return "", got
}

func (l *life) editable() bool {
	return l.state == petition.StateDRAFT || l.state == petition.StateOPEN
}

func (l *life) moveGoal(r *rapid.T) (string, error) {
	goal := rapid.IntRange(1, 3).Draw(r, "goal")
	got := l.edit(func(u *petitioning.Update) { u.Goal = &goal })
	if !l.editable() {
		return "WRONG_STATE input.id", got
	}
	if goal != l.goal {
		l.goal = goal
		l.countVersion++
		l.version++
	}
	return "", got
}

func (l *life) retitle(r *rapid.T) (string, error) {
	title := rapid.SampledFrom([]string{"One title", "Two titles", "One  title"}).Draw(r, "title")
	clean := map[string]string{"One  title": "One title"}[title]
	if clean == "" {
		clean = title
	}
	got := l.edit(func(u *petitioning.Update) { u.Title = &title })
	switch {
	case !l.editable():
		return "WRONG_STATE input.id", got
	case clean == l.title:
	case len(l.signed) > 0:
		return "WRONG_STATE input.title", got
	default:
		l.title = clean
		l.version++
	}
	return "", got
}

func (l *life) moveEnd(r *rapid.T) (string, error) {
	var end *time.Time
	if hours := rapid.IntRange(0, 3).Draw(r, "hours"); hours > 0 {
		end = p(l.b.Clock.Now().Add(time.Duration(hours)*time.Hour + time.Minute)) // behind every start
	}
	who, staff := l.owner, rapid.Bool().Draw(r, "by the staff")
	if staff {
		who = petitioning.WithActor(l.owner, petitioning.Operator())
	}
	got := l.editAs(who, func(u *petitioning.Update) { u.EndsAt = &end })
	moved, reopens := !same(l.ends, end), l.endedByItself()
	late := l.ends != nil && l.b.Clock.Now().After(l.ends.Add(7*24*time.Hour))
	switch {
	case moved && late && !staff && (reopens || l.state == petition.StateOPEN):
		return "WRONG_STATE input.endsAt", got
	case moved && reopens:
		l.state, l.closed = petition.StateOPEN, nil
	case !l.editable() && !staff:
		return "WRONG_STATE input.id", got
	case !l.editable() && moved:
		return "WRONG_STATE input.endsAt", got
	}
	if moved {
		l.ends = end
		l.version++
	}
	return "", got
}

func (l *life) endedByItself() bool {
	return l.state == petition.StateCLOSED && l.outcome == nil && l.ends != nil && l.closed.Equal(*l.ends)
}

func (l *life) hide(r *rapid.T) (string, error) {
	if rapid.IntRange(0, 3).Draw(r, "really") > 0 { // or else everything would end here
		return "", nil
	}
	got := l.b.Hide(petitioning.WithActor(l.owner, petitioning.Operator()), l.id)
	if l.state != petition.StateHIDDEN {
		l.state = petition.StateHIDDEN
		l.version++
	}
	return "", got
}

func (l *life) wait(r *rapid.T) (string, error) {
	minutes := rapid.OneOf(rapid.IntRange(1, 90), rapid.Just(8*24*60)).Draw(r, "minutes")
	l.b.Clock.Advance(time.Duration(minutes) * time.Minute)
	if rapid.Bool().Draw(r, "nobody looks yet") {
		return "", nil
	}
	got := l.b.CloseDue(l.owner)
	if l.state == petition.StateOPEN && l.ends != nil && !l.b.Clock.Now().Before(*l.ends) {
		l.state, l.closed = petition.StateCLOSED, l.ends
		l.version++
	}
	return "", got
}

// check compares the petition with what it must be.
func (l *life) check(t testing.TB) {
	t.Helper()
	row, figures := l.b.Row(t, l.id), l.b.Figures(t, l.id)
	equal(t, "petition", []any{l.state, l.version, l.title, l.starts, l.ends, l.closed, l.outcome},
		[]any{row.State, row.Version, row.Title, row.StartsAt, row.EndsAt, row.ClosedAt, row.Outcome})
	equal(t, "figures", []int{len(l.signed), l.named, l.comments, l.comments, l.goal, l.countVersion},
		[]int{figures.Total, figures.Named, figures.Comments, figures.Threads, figures.Goal, figures.Version})
	equal(t, "state beside the rank", string(l.state), value[string](t, l.b, `SELECT state FROM ranks WHERE petition_id = $1`, l.id))
	equal(t, "states beside tags that differ", 0, value[int](t, l.b,
		`SELECT COUNT(*) FROM petition_tags WHERE petition_id = $1 AND state <> $2`, l.id, string(l.state)))
	equal(t, "tags that count other petitions than there are", 0, value[int](t, l.b, `SELECT COUNT(*) FROM tags WHERE open_petitions <>
 (SELECT COUNT(*) FROM petition_tags AS pt JOIN petitions AS p ON p.id = pt.petition_id WHERE pt.tag_id = tags.id AND p.state = 'OPEN')
 OR public_petitions <> (SELECT COUNT(*) FROM petition_tags AS pt JOIN petitions AS p ON p.id = pt.petition_id
 WHERE pt.tag_id = tags.id AND p.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED'))`))
	equal(t, "labels that count other petitions than there are", 0, value[int](t, l.b, sitetest.WrongLabels))
	sums := value[string](t, l.b, `SELECT CAST(COUNT(*) AS text) || ' ' || CAST(COALESCE(MAX(number), 0) AS text) || ' ' || CAST(
 (SELECT COALESCE(SUM(added - removed), 0) FROM signature_buckets WHERE petition_id = $1) + (SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1) AS text)
 FROM signatures WHERE petition_id = $1`, l.id)
	equal(t, "rows, last number, sum of the buckets", fmt.Sprint(len(l.signed), len(l.signed), len(l.signed)), sums)
}

// TestLives leads petitions through any lives and compares each step with the rules.
func TestLives(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		rapid.Check(t, func(r *rapid.T) {
			d := draft(func(d *petitioning.Draft) { d.Tags = []string{"bees", "trees"} })
			if rapid.Bool().Draw(r, "starts later") {
				d.StartsAt = p(b.Clock.Now().Add(time.Hour))
			}
			made, err := b.Create(b.As(t, ""), d)
			ok(t, err)
			l := &life{
				b: b, id: made.Petition, owner: b.As(t, made.EditToken), other: b.As(t, ""), state: petition.StateDRAFT, version: 1,
				goal: 100, title: "Save the bees", signed: map[int]bool{}, starts: d.StartsAt, tags: d.Tags,
			}
			todo := stepsOfLife()
			for _, name := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(todo))), 1, 12).Draw(r, "steps") {
				want, got := todo[name](l, r)
				if said := strings.Join(sitetest.FaultsOf(got), ", "); said != want {
					r.Fatalf("%s gives %q, want %q", name, said, want)
				}
			}
			l.check(t)
			if t.Failed() {
				r.FailNow()
			}
		})
	})
}
