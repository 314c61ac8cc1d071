package sitetest

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// Explain runs what nobody in particular does, and returns what is wrong with the plans of its statements.
func (s *Site) Explain(t testing.TB, counter *dbtest.Counter, run func(context.Context) error) []string {
	t.Helper()
	counter.Reset()
	OK(t, run(s.As(t, "")))
	var out []string
	for _, call := range counter.Calls() {
		faults := s.explainSQLite(t, call)
		if s.DB.Dialect == database.Postgres {
			faults = s.explainPostgres(t, call)
		}
		for _, fault := range faults {
			out = append(out, fmt.Sprintf("  %s\n    %.400s", fault, call.Text))
		}
	}
	return out
}

// explainSQLite finds scans of tables, by their aliases, and sorting within what is not a page.
func (s *Site) explainSQLite(t testing.TB, call dbtest.Call) (faults []string) {
	t.Helper()
	if s.DB.Dialect != database.SQLite {
		return nil
	}
	rows, err := s.DB.Write.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+call.Text, call.Args...)
	OK(t, err)
	defer rows.Close()
	// What is made by a statement is as short as a page; tags are some hundred, and unsummed (u) names the petitions that
	// were signed in the last seconds.
	made := regexp.MustCompile(`^SCAN (\(subquery-\d+\)|(page|all_of|of_\d+|json_each|petition|tagged|history|steps|fine|lately|u|t|r USING COVERING INDEX|\d+ CONSTANT ROW)\b)`)
	// The tags of some petitions are sorted by their places, and all tags by their trend.
	tables, sorted := map[int]string{}, map[int]bool{}
	may := strings.Contains(call.Text, "pt.position") || strings.Contains(call.Text, " AS tagged\n")
	for rows.Next() {
		var node, above, unused int
		var what string
		OK(t, rows.Scan(&node, &above, &unused, &what))
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
	OK(t, rows.Err())
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
func (s *Site) explainPostgres(t testing.TB, call dbtest.Call) (faults []string) {
	t.Helper()
	conn, err := s.DB.Read.Conn(t.Context())
	OK(t, err)
	defer conn.Close()
	exec := func(text string) {
		_, err := conn.ExecContext(t.Context(), text)
		OK(t, err)
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
		OK(t, conn.QueryRowContext(t.Context(), strings.TrimSuffix(ask.text, "()"), ask.args...).Scan(&answer))
		OK(t, json.Unmarshal(answer, &plans))
		faults = append(faults, plans[0].Plan.faults()...)
	}
	return slices.Compact(faults)
}

// faults finds reading of whole tables, and sorting of more than some pages.
func (p plan) faults() (out []string) {
	const most = 2000
	switch {
	case p.Kind == "Seq Scan" && p.Relation != "tags" && p.Relation != "unsummed": // both are short
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
