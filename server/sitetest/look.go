package sitetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/reading/history"
)

// States are all states of petitions.
var States = []petition.State{
	petition.StateDRAFT, petition.StateIN_REVIEW, petition.StateREJECTED, petition.StateOPEN, petition.StatePAUSED,
	petition.StateCLOSED, petition.StateARCHIVED, petition.StateHIDDEN,
}

// IsPublic reports whether everybody sees petitions in a state.
func IsPublic(state petition.State) bool {
	switch state {
	case petition.StateOPEN, petition.StatePAUSED, petition.StateCLOSED, petition.StateARCHIVED:
		return true
	}
	return false
}

// Reads returns what reads as much as the actor of ctx may see.
func (s *Site) Reads(ctx context.Context) *reading.Reader {
	return s.Reading.As(petitioning.ActorFrom(ctx).Viewer())
}

// Row returns a petition that the operator must see.
func (s *Site) Row(t testing.TB, id uuid.UUID) *ent.Petition {
	t.Helper()
	found, err := s.Reads(Operator(t)).PetitionsByID(Operator(t), []uuid.UUID{id}, reading.Selection{})
	if err != nil || len(found.Rows) != 1 {
		t.Fatalf("reading a petition: %d rows, error %v", len(found.Rows), err)
	}
	return found.Rows[0]
}

// Figures returns the numbers of a petition.
func (s *Site) Figures(t testing.TB, id uuid.UUID) reading.Figures {
	t.Helper()
	found, err := s.Reads(Operator(t)).Figures(Operator(t), []uuid.UUID{id}, reading.WithoutHours)
	if err != nil || found[id] == nil {
		t.Fatalf("reading figures: %v, error %v", found, err)
	}
	return *found[id]
}

// News returns the newest count of a petition.
func (s *Site) News(t testing.TB, id uuid.UUID) figures.Value {
	t.Helper()
	list, err := s.Reading.News(t.Context(), []uuid.UUID{id})
	OK(t, err)
	if len(list) != 1 {
		t.Fatalf("%d news, want 1", len(list))
	}
	return list[0]
}

// History returns the history of one petition.
func (s *Site) History(
	ctx context.Context, id uuid.UUID, step history.Interval, from, to *time.Time,
) ([]*history.Point, error) {
	all, err := s.Reads(ctx).Histories(ctx, []uuid.UUID{id}, history.Query{Interval: step, From: from, To: to})
	return all[id].Points, errors.Join(err, all[id].Err)
}

// Titles returns the titles of the first hundred petitions of a list, in its order, and checks its total.
func (s *Site) Titles(t testing.TB, q reading.PetitionQuery) []string {
	t.Helper()
	page, err := s.Reads(s.As(t, "")).Petitions(s.As(t, ""), q, keyset.Args{First: new(100)})
	OK(t, err)
	var out []string
	for _, row := range page.Nodes() {
		out = append(out, row.Title)
	}
	total, err := page.TotalCount(s.As(t, ""))
	OK(t, err)
	Equal(t, "total", len(out), *total)
	return out
}

// ByOrder asks for whole comments in an order.
func ByOrder(order reading.CommentOrder) reading.CommentQuery {
	return reading.CommentQuery{Order: order, Bodies: reading.WithBodies}
}

// Value reads the one value of the one row of a query.
func Value[V any](t testing.TB, s *Site, query string, args ...any) V {
	t.Helper()
	var v V
	if err := s.DB.Read.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// Each reads all rows of a query as they come, and the names of its columns where they are wanted.
func (s *Site) Each(t testing.TB, query string, fn func([]any), names *[]string, args ...any) {
	t.Helper()
	rows, err := s.DB.Read.QueryContext(t.Context(), query, args...)
	OK(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	OK(t, err)
	if names != nil {
		*names = columns
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		OK(t, rows.Scan(into...))
		fn(row)
	}
	OK(t, rows.Err())
}

// IndexAll has the search index follow all texts, however slow the machine is.
func (s *Site) IndexAll(t testing.TB) {
	t.Helper()
	behind := `SELECT COUNT(*) FROM search_documents WHERE text_version = 0`
	if s.DB.Dialect == database.SQLite {
		behind = `SELECT (` + behind + `) + (SELECT COUNT(*) FROM search_entries WHERE state IS NULL OR written IS NOT NULL)`
	}
	for more := true; more; more = Value[int](t, s, behind) > 0 {
		OK(t, s.IndexTexts(t.Context()))
	}
}

// WrongLabels counts labels with another number of public petitions than there are, or that are missing.
const WrongLabels = `SELECT (SELECT COUNT(*) FROM tag_labels AS l WHERE l.public_petitions <> (SELECT COUNT(*) FROM petition_tags AS pt
 WHERE pt.tag_id = l.tag_id AND pt.label = l.label AND pt.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED'))) +
 (SELECT COUNT(*) FROM petition_tags AS pt WHERE pt.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED') AND NOT EXISTS
 (SELECT 1 FROM tag_labels AS l WHERE l.tag_id = pt.tag_id AND l.label = pt.label))`
