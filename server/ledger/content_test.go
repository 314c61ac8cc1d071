package ledger_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
)

// TestBadRow puts a row that the database refuses among good ones: only its sender hears of it.
func TestBadRow(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		taken, said := signature(p, "before"), comment(p, nil)
		must(t, b.Batch(taken, said)...)

		bad := map[string]any{}
		s := signature(p, "bad")
		s.ID = taken.ID // of another address
		bad["TakenID"] = s
		c := comment(p, nil)
		c.ID = said.ID
		bad["TakenCommentID"] = c
		s = signature(p, "bad too")
		s.Comment = &c
		s.Key = key("bad", "1")
		bad["TakenIDOfReason"] = s
		nobody := newID()
		bad["NoParent"] = comment(p, &nobody)
		if db.Dialect == database.Postgres { // SQLite takes a NUL
			s = signature(p, "bad as well")
			s.Country = "E\x00"
			bad["NUL"] = s
			s = signature(p, "bad key")
			s.Key = key("k\x00", "1")
			bad["NULInKey"] = s
		}
		signed, commented := 1, 1
		for name, row := range bad {
			good := comment(p, &said.ID)
			answers := b.Batch(keyed(p, "one "+name, name, "1"), row, good, signature(p, "two "+name))
			if diff := cmp.Diff([]string{"ok", "fault", "ok", "ok"}, errs(answers)); diff != "" {
				t.Errorf("%s: answers (-want +got):\n%s", name, diff)
			}
			signed, commented = signed+2, commented+1
			if answers[3].Number != signed || answers[2].Number != commented {
				t.Errorf("%s: got signature %d and comment %d, want %d and %d: no number is lost to a bad row", name,
					answers[3].Number, answers[2].Number, signed, commented)
			}
		}
		if f := audit(t, db, p); f.Total != signed || f.Comments != commented {
			t.Errorf("got %d signatures and %d comments, want %d and %d", f.Total, f.Comments, signed, commented)
		}
		if kept(t, db, "bad") {
			t.Error("the key of a bad row was kept")
		}
		checkTold(t, db, p, b.told(p))
	})
}

// TestPanic makes the clock panic in the middle of a transaction: all callers hear of an error, nobody of its
// value, and the lane goes on.
func TestPanic(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		var log strings.Builder
		fall := true
		b := newBook(t, db, ledger.Options{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Now: func() time.Time {
				if fall {
					panic("ann@example.org")
				}
				return epoch
			},
		})
		for _, a := range b.Batch(signatures(p, 3)...) {
			if errName(a.Err) != "fault" || strings.Contains(a.Err.Error(), "ann") {
				t.Errorf("got %v, want a fault that quotes nothing", a.Err)
			}
		}
		if !strings.Contains(log.String(), "TestPanic") || strings.Contains(log.String(), "ann@") {
			t.Errorf("the log shows no stack, or the value of the panic:\n%s", log.String())
		}
		fall = false
		must(t, b.Batch(signatures(p, 3)...)...)
		if f := audit(t, db, p); f.Total != 3 {
			t.Errorf("got %d signatures, want 3", f.Total)
		}
	})
}

// TestDiskFull fills an SQLite file up: that is no fault of a row.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, database.SQLite)
	p := petition(t, db, open())
	b := newBook(t, db, impatient())
	must(t, persist(t, b, signature(p, "ann")))
	pages := scan[int](t, db, `PRAGMA page_count`)
	if _, err := db.Write.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
		t.Fatal(err)
	}
	list := signatures(p, 200)
	for _, a := range b.Batch(list...) {
		if !errors.Is(a.Err, ledger.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", a.Err)
		}
	}
	if _, err := db.Write.ExecContext(t.Context(), `PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	must(t, newBook(t, db, ledger.Options{}).Batch(list...)...)
	if f := audit(t, db, p); f.Total != 201 {
		t.Errorf("got %d signatures, want 201", f.Total)
	}
}
