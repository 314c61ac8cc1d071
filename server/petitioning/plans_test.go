package petitioning_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/reading"
)

// TestPlans has both databases explain the statements that are read most, on a filled site: they must find their rows by
// an index, and sort no more than a page.
func TestPlans(t *testing.T) {
	t.Parallel()
	notRaced(t)
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		b.fill(t, volume{petitions: 12_000, signatures: 80_000, hot: 20_000, comments: 10_000, talk: 10_000})
		for name, read := range b.hotReads() {
			if faults := b.explain(t, counter, read); len(faults) > 0 {
				t.Errorf("%s:\n%s", name, strings.Join(faults, "\n"))
			}
		}
		for _, test := range []struct{ index, read string }{
			{"comment_liked", "CommentsLiked"},
			{"comment_answers", "Replies"},
			{"petition_created", "List"},
			{"petition_ending", "ListByEnd"},
			{"petitiontag_listed", "TagPage"},
			{"rank_state_trending_petition_id", "Trending"},
			{"signaturebucket_span_minute", "TrendingTags"},
		} {
			b.exec(t, `DROP INDEX `+test.index)
			if faults := b.explain(t, counter, b.hotReads()[test.read]); len(faults) == 0 {
				t.Errorf("nobody notices that %s is gone", test.index)
			}
		}
	})
}

// hotReads are what pages read.
func (b *bundle) hotReads() map[string]func(context.Context) error {
	id := func(kind string, n int) uuid.UUID {
		return uuid.MustParse(fmt.Sprintf("00000000-0000-7000-%s-%012x", kind, n))
	}
	hot, several, threads := id("8000", 1), []uuid.UUID(nil), []uuid.UUID(nil)
	for i := range 20 {
		several = append(several, id("8000", 1+5*i))
		threads = append(threads, id("8002", 5*i))
	}
	wanted := reading.Wanted{Figures: true}
	list := func(q reading.PetitionQuery) func(context.Context) error {
		q.Wanted = wanted
		return func(ctx context.Context) error {
			page, err := b.reads(ctx).Petitions(ctx, q, keyset.Args{})
			if err == nil && page.PageInfo.HasNextPage {
				_, err = b.reads(ctx).Petitions(ctx, q, keyset.Args{After: page.PageInfo.EndCursor()})
			}
			return err
		}
	}
	by := func(field reading.OrderField) *reading.Order {
		return &reading.Order{Field: field, Direction: reading.Desc}
	}
	comments := func(order reading.CommentOrder, of ...uuid.UUID) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := b.reads(ctx).Comments(ctx, said(order), keyset.Args{First: p(10)}, of...)
			return err
		}
	}
	signatures := func(of ...uuid.UUID) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := b.reads(ctx).Signatures(ctx, keyset.Args{First: p(10)}, of...)
			return err
		}
	}
	return map[string]func(context.Context) error{
		"Page": b.readPage,
		"PageWithBody": func(ctx context.Context) error {
			_, err := b.reads(ctx).PetitionBySlug(ctx, "slug-9", reading.Wanted{Body: true})
			return err
		},
		"PetitionsByID": func(ctx context.Context) error {
			_, err := b.reads(ctx).PetitionsByID(ctx, several, wanted)
			return err
		},
		"Tags":               func(ctx context.Context) error { _, err := b.reads(ctx).TagsOf(ctx, several); return err },
		"Figures":            func(ctx context.Context) error { _, err := b.reads(ctx).Figures(ctx, several); return err },
		"News":               func(ctx context.Context) error { _, err := b.reading.News(ctx, several); return err },
		"Comments":           comments(reading.Newest, hot),
		"CommentsLiked":      comments(reading.MostLiked, hot),
		"CommentsOfSeveral":  comments(reading.Newest, several...),
		"Signatures":         signatures(hot),
		"SignaturesOfSevera": signatures(several...),
		"Replies": func(ctx context.Context) error {
			_, err := b.reads(ctx).Replies(ctx, reading.WithBodies, keyset.Args{}, threads...)
			return err
		},
		"List":        list(reading.PetitionQuery{}),
		"Trending":    list(reading.PetitionQuery{Order: by(reading.ByTrending)}),
		"ListByEnd":   list(reading.PetitionQuery{Order: by(reading.ByEndsAt)}),
		"ListByStart": list(reading.PetitionQuery{Order: by(reading.ByStartsAt)}),
		"ListOfAll":   list(reading.PetitionQuery{Filter: &reading.Filter{States: states}}),
		"TagPage": func(ctx context.Context) error {
			_, err := b.reads(ctx).TagPetitions(ctx, *by(reading.ByCreatedAt), wanted, keyset.Args{}, id("8003", 5))
			return err
		},
		"Redate":       b.Redate,
		"TrendingTags": func(ctx context.Context) error { _, err := b.reads(ctx).TrendingTags(ctx, 10); return err },
		"LastHour":     func(ctx context.Context) error { _, err := b.reads(ctx).LastHour(ctx, several); return err },
		"History":      func(ctx context.Context) error { _, err := b.history(ctx, hot, reading.Day, nil, nil); return err },
	}
}

// explain runs a read and gives what is wrong with the plans of its statements.
func (b *bundle) explain(t *testing.T, counter *dbtest.Counter, read func(context.Context) error) []string {
	t.Helper()
	counter.Reset()
	ok(t, read(b.as(t, "")))
	var out []string
	for _, call := range counter.Calls() {
		faults := b.explainSQLite(t, call)
		if b.db.Dialect == database.Postgres {
			faults = b.explainPostgres(t, call)
		}
		for _, fault := range faults {
			out = append(out, fmt.Sprintf("  %s\n    %.400s", fault, call.Text))
		}
	}
	return out
}

// explainSQLite finds scans of tables, by their aliases, and sorting within what is not a page.
func (b *bundle) explainSQLite(t *testing.T, call dbtest.Call) (faults []string) {
	t.Helper()
	if b.db.Dialect != database.SQLite {
		return nil
	}
	rows, err := b.db.Read.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+call.Text, call.Args...)
	ok(t, err)
	defer rows.Close()
	// What is made by a statement is as short as a page; tags are some hundred.
	made := regexp.MustCompile(`^SCAN (\(subquery-\d+\)|(page|all_of|of_\d+|json_each|petition|tagged|history|steps|fine|t|r USING COVERING INDEX|\d+ CONSTANT ROW)\b)`)
	// The tags of some petitions are sorted by their places, and all tags by their trend.
	tables, sorted := map[int]string{}, map[int]bool{}
	may := strings.Contains(call.Text, "pt.position") || strings.Contains(call.Text, " AS tagged\n")
	for rows.Next() {
		var node, above, unused int
		var what string
		ok(t, rows.Scan(&node, &above, &unused, &what))
		switch {
		case strings.HasPrefix(what, "USE TEMP B-TREE FOR ORDER BY"):
			sorted[above] = !may
		case strings.HasPrefix(what, "SCAN ") && made.MatchString(what):
		case strings.HasPrefix(what, "SCAN "):
			faults = append(faults, what)
		case strings.HasPrefix(what, "SEARCH "):
			tables[above] = what
		}
	}
	ok(t, rows.Err())
	for level := range sorted {
		if what := tables[level]; sorted[level] && what != "" {
			faults = append(faults, what+", and then it sorts")
		}
	}
	return faults
}

// plan is a node of PostgreSQL's plan.
type plan struct {
	Kind     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Plan Rows"`
	Plans    []plan  `json:"Plans"`
}

// explainPostgres looks at the plan for the values of the call, and at the one that is kept for all.
func (b *bundle) explainPostgres(t *testing.T, call dbtest.Call) (faults []string) {
	t.Helper()
	conn, err := b.db.Read.Conn(t.Context())
	ok(t, err)
	defer conn.Close()
	exec := func(text string) {
		_, err := conn.ExecContext(t.Context(), text)
		ok(t, err)
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(call.Args)), ", ")
	exec(`SET plan_cache_mode = force_generic_plan`)
	exec(`PREPARE asked AS ` + call.Text)
	defer exec(`DEALLOCATE asked`)
	defer exec(`RESET plan_cache_mode`)
	for _, ask := range []struct {
		text string
		args []any
	}{{`EXPLAIN (FORMAT JSON) EXECUTE asked(` + nulls + `)`, nil}, {`EXPLAIN (FORMAT JSON) ` + call.Text, call.Args}} {
		var answer []byte
		var plans []struct{ Plan plan }
		ok(t, conn.QueryRowContext(t.Context(), strings.TrimSuffix(ask.text, "()"), ask.args...).Scan(&answer))
		ok(t, json.Unmarshal(answer, &plans))
		faults = append(faults, plans[0].Plan.faults()...)
	}
	return slices.Compact(faults)
}

// faults finds reading of whole tables, and sorting of more than some pages.
func (p plan) faults() (out []string) {
	const most = 2000
	switch {
	case p.Kind == "Seq Scan" && p.Relation != "tags":
		out = append(out, "Seq Scan on "+p.Relation)
	case strings.Contains(p.Kind, "Sort") && p.Plans[0].Rows > most:
		out = append(out, fmt.Sprintf("%s of %.0f rows", p.Kind, p.Plans[0].Rows))
	}
	for _, below := range p.Plans {
		out = append(out, below.faults()...)
	}
	if p.Kind == "Aggregate" { // of minutes: a good part of this site's petitions was signed today
		out = slices.DeleteFunc(out, func(fault string) bool { return strings.HasPrefix(fault, "Seq Scan on petition") })
	}
	return out
}
