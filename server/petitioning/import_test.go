package petitioning_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/demo"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/sitetest"
)

// importable returns a petition of the demo content as the domain takes it.
func importable(d demo.Petition) petitioning.Imported {
	in := petitioning.Imported{
		Draft: petitioning.Draft{
			Title: d.Title, Summary: &d.Summary, Body: d.Body, Language: &d.Language, Addressees: d.Addressees, Tags: d.Tags, Goal: &d.Goal,
			Petitioner: d.Petitioner,
		},
		State: petition.State(d.State), CreatedAt: d.CreatedAt, EndsAt: d.EndsAt, ClosedAt: d.ClosedAt, Comments: remarks(d.Comments),
	}
	if !d.StartsAt.IsZero() {
		in.StartsAt = &d.StartsAt
	}
	if d.Outcome != "" {
		in.Outcome = p(petition.Outcome(d.Outcome))
	}
	for _, s := range d.Signatures {
		in.Signatures = append(in.Signatures, petitioning.ImportedSignature(s))
	}
	return in
}

func remarks(list []demo.Comment) []petitioning.ImportedComment {
	var out []petitioning.ImportedComment
	for _, c := range list {
		in := petitioning.ImportedComment{FromSignatory: c.FromSignatory, Body: c.Body, At: c.At, Replies: remarks(c.Replies)}
		if c.Author != "" {
			in.Author = &c.Author
		}
		out = append(out, in)
	}
	return out
}

// found is what one database finds for each of the searches, as titles.
type found map[string][]string

// searches asks for words of the demo content, in all its scripts. Each must find something.
func searches(t *testing.T, b *bundle) found {
	t.Helper()
	out := found{}
	all := &reading.Filter{States: sitetest.States}
	for _, search := range []string{
		"climate", "CLIMATE", "bee", "verges bees", "cantine", "légumes", "legumes", "Radweg", "radw", "école", "bus", "повітря", "ПОВІТРЯ",
		"滨河", "步道", "エレベーター", "西口に", "심야", "צל", "תחנת אוטובוס", "مكتبة", "सरकारी", "पानी", "schools", "cloudflare", "ibsa", "zwembad",
		"train de nuit", "a", "the", "1", "night-bus", "o'clock", "https://example.org", "ΒΡΆΔΥ", "μουσειο", "pociąg",
		"pociag", "ÇINAR", "cınar", "çınarları", "Fahrplan-", "echtzeitdaten", "maji safi", "Låt", "lat", "agua limpia rio",
	} {
		titles := b.Titles(t, reading.PetitionQuery{Search: &search, Filter: all})
		slices.Sort(titles)
		out[search] = titles
	}
	return out
}

func TestDemoContent(t *testing.T) {
	t.Parallel()
	sitetest.NotRaced(t)
	content, err := demo.Petitions(monday)
	ok(t, err)
	results := map[database.Dialect]found{}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		ids := make([]uuid.UUID, len(content))
		for i, d := range content {
			ids[i], err = b.Import(operator(t), importable(d))
			ok(t, err)
		}
		ok(t, b.RankAll(t.Context()))
		for i, d := range content {
			t.Run(fmt.Sprint(i), func(t *testing.T) { checkImported(t, b, ids[i], d) })
		}
		checkSite(t, b, content)
		results[db.Dialect] = searches(t, b)
	})
	if len(results) == 2 {
		equal(t, "what both find", results[database.SQLite], results[database.Postgres])
	}
	for search, titles := range results[database.SQLite] {
		if len(titles) == 0 {
			t.Errorf("%q finds nothing", search)
		}
	}
}

// checkImported compares a petition with its description.
func checkImported(t *testing.T, b *bundle, id uuid.UUID, d demo.Petition) {
	t.Helper()
	row, in := b.Row(t, id), importable(d)
	equal(t, "title, state, petitioner, summary", []any{d.Title, in.State, d.Petitioner, d.Summary},
		[]any{row.Title, row.State, row.Petitioner, row.Summary})
	equal(t, "times", []any{d.CreatedAt, in.StartsAt, d.EndsAt, d.ClosedAt}, []any{row.CreatedAt, row.StartsAt, row.EndsAt, row.ClosedAt})
	equal(t, "outcome", in.Outcome, row.Outcome)
	bodies, err := b.Reads(operator(t)).Bodies(operator(t), []uuid.UUID{id})
	ok(t, err)
	equal(t, "body", d.Body, bodies[id])
	want := reading.Figures{Threads: len(d.Comments), Comments: len(d.Comments)}
	want.Petition, want.Total, want.Goal = id, len(d.Signatures), d.Goal
	for _, s := range d.Signatures {
		if s.ShowName {
			want.Named++
		}
	}
	for _, c := range d.Comments {
		want.Comments += len(c.Replies)
	}
	got := b.Figures(t, id)
	got.Version, got.AsOf = 0, time.Time{}
	equal(t, "figures", want, got)
	equal(t, "sum of the buckets", want.Total,
		value[int](t, b, `SELECT (SELECT COALESCE(SUM(added - removed), 0) FROM signature_buckets WHERE petition_id = $1)
 + (SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1)`, id))
	equal(t, "sum of the countries", want.Total,
		value[int](t, b, `SELECT (SELECT COALESCE(SUM(added - removed), 0) FROM signature_country_buckets WHERE petition_id = $1)
 + (SELECT unsummed_to - unsummed_after FROM counters WHERE petition_id = $1)`, id))
	equal(t, "rank", want.Total, value[int](t, b, `SELECT signatures FROM ranks WHERE petition_id = $1`, id))
	if page := b.signatures(t, operator(t), id); want.Named > 0 {
		newest := slices.IndexFunc(backwards(d.Signatures), func(s demo.Signature) bool { return s.ShowName })
		equal(t, "newest name", p(backwards(d.Signatures)[newest].Name), b.Reading.SignatoryName(t.Context(), page.Edges[0].Node))
		equal(t, "newest number", len(d.Signatures)-newest, *page.Edges[0].Node.Number)
		equal(t, "newest time", backwards(d.Signatures)[newest].At, page.Edges[0].Node.SignedAt)
	}
	talk, err := b.Reads(operator(t)).CommentsAfter(operator(t), id, 0, 1000)
	ok(t, err)
	for i, c := range flat(d.Comments) {
		equal(t, "comment", []any{c.Body, c.Author, c.FromSignatory, c.At},
			[]any{talk[i].Body, sitetest.OrEmpty(talk[i].AuthorName), talk[i].FromSignatory, talk[i].CreatedAt})
	}
}

func backwards[V any](list []V) []V {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

func flat(list []demo.Comment) []demo.Comment {
	var out []demo.Comment
	for _, c := range list {
		out = append(append(out, c), flat(c.Replies)...)
	}
	return out
}

// checkSite compares the figures of the whole site with the content.
func checkSite(t *testing.T, b *bundle, content []demo.Petition) {
	t.Helper()
	want := reading.Statistics{}
	for _, d := range content {
		if !sitetest.IsPublic(petition.State(d.State)) {
			continue
		}
		want.PetitionCount++
		want.SignatureCount += len(d.Signatures)
		if d.State == "OPEN" {
			want.OpenPetitionCount++
		}
		for _, s := range d.Signatures {
			if s.At.Truncate(time.Minute).After(monday.Truncate(time.Minute).Add(-time.Hour)) {
				want.SignaturesLastHour++
			}
		}
	}
	got, err := b.Reading.Statistics(b.As(t, ""))
	ok(t, err)
	equal(t, "statistics", want, got)
	admins, err := b.Reading.Statistics(operator(t))
	ok(t, err)
	equal(t, "statistics for the operator", want, admins)
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		empty, err := b.Empty(t.Context())
		ok(t, err)
		equal(t, "empty", true, empty)
		_, err = b.Import(operator(t), petitioning.Imported{Draft: petitioning.Draft{Title: "ab", Body: "x", Petitioner: "Ada", Goal: p(0)}})
		faults(t, err, "INVALID title", "INVALID goal")
		empty, err = b.Empty(t.Context())
		ok(t, err)
		equal(t, "empty", true, empty)
		in := petitioning.Imported{Draft: draft(), State: petition.StateOPEN, CreatedAt: monday}
		in.Signatures = []petitioning.ImportedSignature{{Name: "", Address: "nobody", Country: "UK", At: monday}}
		_, err = b.Import(operator(t), in)
		faults(t, err, "INVALID name", "INVALID email", "INVALID country")
		in.Signatures, in.Comments = nil, []petitioning.ImportedComment{{Author: p("ada@gmx.de"), At: monday}}
		_, err = b.Import(operator(t), in)
		faults(t, err, "INVALID body", "INVALID author")
		page, err := b.Reads(b.As(t, "")).Petitions(b.As(t, ""), reading.PetitionQuery{}, keyset.Args{})
		ok(t, err)
		equal(t, "petitions that anybody sees of imports that failed", 0, len(page.Edges))
		empty, err = b.Empty(t.Context())
		ok(t, err)
		equal(t, "empty", false, empty)
	})
}
