package main

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"petitiond/graph/scalar"
	"petitiond/server/database"
	"petitiond/server/ledger"
)

// TestDiskFullIsUnavailable signs and creates while an SQLite file cannot grow: everybody hears soon that nothing was
// written.
func TestDiskFullIsUnavailable(t *testing.T) {
	t.Parallel()
	s := start(t, append(fresh(t, database.SQLite), "PETITION_MAX_OPERATION_TIME=30s"))
	petition, _ := s.open(t)
	s.spoil(t, `PRAGMA max_page_count = 1`) // never less than there are
	began := time.Now()
	refusals := 0
	for n := range 200 { // the pages that there are have some room
		switch got := s.outcome(t, petition, fmt.Sprintf("%d.%s@example.org", n, strings.Repeat("long", 12))); got {
		case "COUNTED":
		case "UNAVAILABLE":
			refusals++
		default:
			t.Fatalf("signing was answered %s", got)
		}
		if refusals == 4 {
			break
		}
	}
	// It takes two seconds on a machine that does nothing else.
	if took := time.Since(began); refusals < 4 || took > 30*time.Second {
		t.Errorf("%d refusals in %s", refusals, took)
	}
	s.spoil(t, `PRAGMA max_page_count = 1000000`)
	if got := s.outcome(t, petition, "ann@example.org"); got != "COUNTED" {
		t.Errorf("signing was answered %s when there was room again", got)
	}
}

// TestLongWaitIsUnavailable keeps a counter locked for longer than an operation may take: those who wait hear that
// nothing was written, while they still listen.
func TestLongWaitIsUnavailable(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_MAX_OPERATION_TIME=4s"))
		petition, _ := s.open(t)
		err := database.InTx(t.Context(), s.db.Write, func(tx *sql.Tx) error {
			if _, err := ledger.Lock(t.Context(), tx, s.db.Dialect, scalar.ParseID(petition).UUID); err != nil {
				return err
			}
			if got := s.outcome(t, petition, "ann@example.org"); got != "UNAVAILABLE" {
				t.Errorf("signing was answered %s", got)
			}
			return nil
		})
		if err != nil && !database.IsConnectionLost(err) { // PostgreSQL ends a transaction that idles for long
			t.Fatal(err)
		}
		if got := s.outcome(t, petition, "ann@example.org"); got != "COUNTED" {
			t.Errorf("signing was answered %s when the lock was gone", got)
		}
	})
}
