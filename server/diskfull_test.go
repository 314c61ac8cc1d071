package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"petitiond/server/database"
)

// fill leaves a database no room: SQLite really has none, PostgreSQL says so.
func (s *site) fill(t *testing.T) {
	t.Helper()
	statements := []string{
		"CREATE FUNCTION no_room() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = '53100'; END $$ LANGUAGE plpgsql",
		"CREATE TRIGGER no_room BEFORE INSERT ON petitions FOR EACH ROW EXECUTE FUNCTION no_room()",
		"CREATE TRIGGER no_room BEFORE INSERT ON signatures FOR EACH ROW EXECUTE FUNCTION no_room()",
	}
	if s.db.Dialect == database.SQLite {
		statements = []string{"PRAGMA max_page_count = 1"} // it has more, and so gets none beyond them
	}
	for _, statement := range statements {
		if _, err := s.db.Write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// relieve makes room again.
func (s *site) relieve(t *testing.T) {
	t.Helper()
	statement := "DROP FUNCTION no_room CASCADE"
	if s.db.Dialect == database.SQLite {
		statement = "PRAGMA max_page_count = 1000000"
	}
	if _, err := s.db.Write.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// While the disk is full, /readyz says that the database answers. The log says why writes fail, the metrics how many.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		petition, _ := s.open(t)
		s.fill(t)
		failed := 0
		refused := func(mutation string, variables map[string]any) bool {
			if answer := string(s.send(t, "", mutation, map[string]any{"input": variables})); !strings.Contains(answer, `"UNAVAILABLE"`) {
				return false
			}
			failed++
			return true
		}
		for range 2 {
			if !refused(`mutation($input: CreatePetitionInput!) { createPetition(input: $input) { userErrors { code } } }`,
				map[string]any{"title": "More moss", "body": strings.Repeat("Soft and green. ", 2000), "petitioner": "Ann"}) {
				t.Error("a petition found room")
			}
		}
		full := false
		for n := 0; n < 100 && !full; n++ { // SQLite may have some left in its last pages
			full = refused(signMutation, map[string]any{
				"petitionId": petition, "name": "Ada", "email": fmt.Sprintf("a%d@example.org", n), "comment": strings.Repeat("Much to say. ", 100),
			})
		}
		if !full {
			t.Error("a hundred signatures found room")
		}
		lines := regexp.MustCompile(`level=ERROR msg="writes fail" trouble=full.*`).FindAllString(s.log.String(), -1)
		cause := regexp.MustCompile(`database is full|53100 disk_full`)
		if len(lines) != 1 || !cause.MatchString(lines[0]) || strings.Contains(s.log.String(), "canary") {
			t.Errorf("want one line with the cause, got %q", lines)
		}
		_, metrics := s.get(t, "/metrics")
		contains(t, metrics, fmt.Sprintf(`petitiond_failed_writes_total{trouble="full"} %d`, failed), `petitiond_failed_writes_total{trouble="away"} 0`)
		s.readiness(t, 200, "ready")
		contains(t, lines[0], " times=1 ")
		s.relieve(t)
		if !s.sign(t, petition, "ann@example.org") {
			t.Error("a signature found no room")
		}
		contains(t, s.log.String(), `msg="writes work again" trouble=full`)
	})
}
