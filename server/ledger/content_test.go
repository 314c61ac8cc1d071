package ledger_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/diskfault"
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

// steadfast are options for tests of what is answered long before the patience runs out.
func steadfast() ledger.Options { return ledger.Options{Patience: time.Minute} }

// refused makes sure that a batch is surely not written, and that this is told long before the patience is over.
func refused(t *testing.T, b *book, list ...any) {
	t.Helper()
	began := time.Now()
	for _, a := range b.Batch(list...) {
		if !errors.Is(a.Err, ledger.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", a.Err)
		}
	}
	if took := time.Since(began); took > 20*time.Second { // half a second, on a machine that does nothing else
		t.Errorf("the answer took %s", took)
	}
}

// TestDiskFull fills an SQLite file up, and takes the right to write away: that is no fault of a row.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ spoil, mend string }{
		"Full":     {`PRAGMA max_page_count = 1`, `PRAGMA max_page_count = 1000000`}, // never less than there are
		"ReadOnly": {`PRAGMA query_only = 1`, `PRAGMA query_only = 0`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t, database.SQLite)
			p := petition(t, db, open())
			b := newBook(t, db, steadfast())
			must(t, persist(t, b, signature(p, "ann")))
			exec(t, db, test.spoil)
			list := signatures(p, 200)
			refused(t, b, list...)
			refused(t, b, list...)
			exec(t, db, test.mend)
			must(t, b.Batch(list...)...)
			if f := audit(t, db, p); f.Total != 201 {
				t.Errorf("got %d signatures, want 201", f.Total)
			}
		})
	}
}

// refusals returns what a database says that lacks something.
func refusals(t *testing.T, dialect database.Dialect) map[string]error {
	t.Helper()
	said := map[string]error{}
	if dialect == database.Postgres {
		for _, code := range []pqerror.Code{"53000", "53100", "53200", "53300", "58030", "25006"} {
			said[string(code)] = &pq.Error{Severity: "ERROR", Code: code}
		}
		return said
	}
	for name, spoil := range map[string]string{"Full": `PRAGMA max_page_count = 1`, "ReadOnly": `PRAGMA query_only = 1`} {
		db := dbtest.New(t, dialect) // the driver alone makes its errors
		exec(t, db, spoil)
		_, said[name] = db.Write.ExecContext(t.Context(), `CREATE TABLE more AS SELECT zeroblob(100000)`)
		if said[name] == nil {
			t.Fatalf("%s: the database took a table", name)
		}
	}
	return said
}

// TestRefusals has the database refuse to begin, a statement, or the COMMIT, since it lacks something.
func TestRefusals(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, steadfast())
		for name, refusal := range refusals(t, db.Dialect) {
			scripts := map[string]script{
				"Begin":     {begin: func() error { return refusal }},
				"Statement": {statement: func() error { return refusal }},
				"Commit":    {commit: func(c *curtain) error { return errors.Join(c.Rollback(), refusal) }},
			}
			if name == "53300" { // which is said before there is anything to commit
				delete(scripts, "Commit")
			}
			for when, play := range scripts {
				t.Run(when+name, func(t *testing.T) {
					s.play(play)
					row := signature(p, when+name)
					refused(t, b, row, comment(p, nil))
					s.play(script{})
					must(t, b.Batch(row)...)
				})
			}
		}
		audit(t, db, p)
	})
}

// brokenDisk returns what SQLite says when its log cannot be written: whether anything was nobody knows.
func brokenDisk(t *testing.T) error {
	t.Helper()
	folder := t.TempDir()
	disk := diskfault.New(t, folder)
	db, err := database.Open(t.Context(), "sqlite:"+filepath.Join(folder, "broken.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	disk.Judge(func(o diskfault.Operation) diskfault.Fate {
		if o.Kind == diskfault.Write && strings.HasSuffix(o.File, "-wal") {
			return diskfault.FailBefore
		}
		return diskfault.Pass
	})
	defer disk.Judge(nil)
	_, err = db.Write.ExecContext(t.Context(), `CREATE TABLE canary (a)`)
	if err == nil {
		t.Fatal("the disk is not broken")
	}
	return err
}

// TestDiskRefusesEveryCommit has a disk that takes nothing any more, as beyond the size that a file may have. Callers
// are told at once that nobody knows, instead of waiting until all patience is over.
func TestDiskRefusesEveryCommit(t *testing.T) {
	t.Parallel()
	db, s := staged(t, database.SQLite)
	p := petition(t, db, open())
	b := newBook(t, db, steadfast())
	broken := brokenDisk(t)
	s.play(script{commit: func(c *curtain) error { return errors.Join(c.Rollback(), broken) }})
	began := time.Now()
	for _, a := range b.Batch(signature(p, "ann"), comment(p, nil)) {
		if !errors.Is(a.Err, ledger.ErrOutcomeUnknown) {
			t.Errorf("got %v, want that the outcome is unknown", a.Err)
		}
	}
	if took := time.Since(began); took > 20*time.Second { // as for a refusal
		t.Errorf("the answer took %s", took)
	}
	s.play(script{})
	must(t, b.Batch(signature(p, "ann"))...)
	if f := audit(t, db, p); f.Total != 1 || f.Comments != 0 {
		t.Errorf("got %d signatures and %d comments, want 1 and 0", f.Total, f.Comments)
	}
}
