package ledger_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/ledger"
)

// hold is a script by which commits wait until release is called. One send on entered for each.
func hold() (s script, entered chan struct{}, release func()) {
	entered, open := make(chan struct{}, 1000), make(chan struct{})
	return script{commit: func(c *curtain) error {
		entered <- struct{}{}
		<-open
		return c.write()
	}}, entered, func() { close(open) }
}

func TestLoneSignature(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := running(t, db, ledger.Options{})
		s := signature(p, "ann")
		got, err := b.Sign(t.Context(), s)
		if want := (ledger.Receipt{Answer: p, Number: 1}); err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		if f := audit(t, db, p); f.Total != 1 || f.Named != 1 || f.Countries["EE"] != 1 {
			t.Errorf("got %+v, want one of everything", f)
		}
		told := b.told(p)
		one := 1
		want := []figures.Value{{Petition: p, Total: 1, Goal: 100, LastHour: &one, Version: 1}}
		if diff := cmp.Diff(want, told, cmpopts.IgnoreFields(figures.Value{}, "AsOf")); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		checkTold(t, db, p, told)
	})
}

// TestRow reads back every column of a signature and a comment, with values that must survive quoting.
func TestRow(t *testing.T) {
	t.Parallel()
	const odd = "NULL \"'\\ {a,b}\t\n%s $1 ŽŽ 署名 🐝"
	type row struct {
		ID, Name, Address, Digest, Locale, Statement, State string
		Shown                                               bool
		At                                                  database.Time
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		b := newBook(t, db, ledger.Options{})
		p := petition(t, db, open())
		s := signature(p, "ann")
		s.Name, s.Address, s.Digest, s.Locale, s.Statement = []byte(odd), []byte(odd), []byte(odd), odd, odd
		s.ShowName = false
		s.At = epoch.Add(1234567).In(someZone())
		author := odd
		s.Comment = &ledger.Comment{ID: newID(), Petition: p, Author: &author, FromSignatory: true, Signatory: []byte(odd), Body: odd}
		must(t, b.Batch(s)...)
		var got row
		err := db.Read.QueryRowContext(t.Context(), `SELECT id, name, address, digest, locale, statement_version, state, show_name,
 signed_at FROM signatures`).Scan(&got.ID, &got.Name, &got.Address, &got.Digest, &got.Locale, &got.Statement, &got.State,
			&got.Shown, &got.At)
		want := row{s.ID.String(), odd, odd, odd, odd, odd, "COUNTED", false, database.Time{Time: epoch.Add(1234000)}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("signature, error %v (-want +got):\n%s", err, diff)
		}
		var name, link, body string
		var signed bool
		err = db.Read.QueryRowContext(t.Context(), `SELECT author_name, signatory, body, from_signatory FROM comments WHERE id = $1`,
			s.Comment.ID).Scan(&name, &link, &body, &signed)
		if diff := cmp.Diff([]any{odd, odd, odd, true}, []any{name, link, body, signed}); err != nil || diff != "" {
			t.Errorf("comment, error %v (-want +got):\n%s", err, diff)
		}
		audit(t, db, p)
	})
}

// TestEmptyIsNull writes what may be absent as absent.
func TestEmptyIsNull(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		b := newBook(t, db, ledger.Options{Unsummed: 1})
		p := petition(t, db, open())
		s := signature(p, "ann")
		s.Country, s.Locale, s.Statement = "", "", ""
		must(t, b.Batch(s, comment(p, nil))...)
		for _, query := range []string{
			`SELECT COUNT(*) FROM signatures WHERE country IS NULL AND locale IS NULL AND statement_version IS NULL`,
			`SELECT COUNT(*) FROM comments WHERE author_name IS NULL AND parent_id IS NULL AND signatory IS NULL`,
			`SELECT COUNT(*) FROM signature_country_buckets WHERE country = '' AND added = 1`,
		} {
			if scan[int](t, db, query) != 1 {
				t.Errorf("not one: %s", query)
			}
		}
		audit(t, db, p)
	})
}

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := running(t, db, ledger.Options{MaxBatch: 40})
		held, entered, release := hold()
		s.commits.Store(0)
		s.play(held)
		first := b.Queue(signature(p, "first"))
		<-entered // the first one commits alone, at once
		rest := b.Queue(signatures(p, 100)...)
		release()
		must(t, append(first(), rest()...)...)
		if got := s.commits.Load(); got != 1+3 {
			t.Errorf("got %d transactions, want one for the first, and 40, 40 and 20 in one each", got)
		}
		var totals []int
		for _, c := range b.told(p) {
			totals = append(totals, c.Total)
		}
		if diff := cmp.Diff([]int{1, 41, 81, 101}, totals); diff != "" {
			t.Errorf("totals (-want +got):\n%s", diff)
		}
		audit(t, db, p)
	})
}

// TestLanes lets a petition be signed while the batch of another one waits for its commit.
func TestLanes(t *testing.T) {
	t.Parallel()
	db, s := staged(t, database.Postgres)
	p := petition(t, db, open())
	other := petition(t, db, open())
	b := running(t, db, ledger.Options{})
	held, entered, release := hold()
	s.play(held)
	wait := b.Queue(signature(p, "ann"))
	<-entered
	s.play(script{})
	must(t, b.Queue(signature(other, "ann"))()...)
	release()
	must(t, wait()...)
}

func TestQueueFull(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := running(t, db, ledger.Options{MaxQueue: 6})
		held, entered, release := hold()
		s.play(held)
		first := b.Queue(signature(p, "first"))
		<-entered
		rest := b.Queue(signatures(p, 3)...)
		for range 2 {
			if _, err := b.Sign(t.Context(), signature(p, "late")); !errors.Is(err, ledger.ErrBusy) {
				t.Errorf("got %v, want ErrBusy", err)
			}
		}
		if _, err := b.Comment(t.Context(), comment(p, nil)); !errors.Is(err, ledger.ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.SignLater(gone, signature(p, "gone"))(); !errors.Is(err, ledger.ErrBusy) {
			t.Errorf("got %v of one who waits no longer, want ErrBusy", err)
		}
		later := make(chan func() error)
		go func() { later <- b.SignLater(t.Context(), signature(p, "later")) }()
		release()
		if err := (<-later)(); err != nil {
			t.Errorf("got %v of one who waited for a place", err)
		}
		must(t, append(first(), rest()...)...)
		if f := audit(t, db, p); f.Total != 5 {
			t.Errorf("got %d signatures, want those of first, three and later", f.Total)
		}
	})
}

func TestSignLaterKeepsOrder(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := running(t, db, ledger.Options{MaxQueue: 7, MaxBatch: 5})
		var waits []func() error
		for i := range 50 {
			s := signature(p, person(i))
			s.Locale = person(i)
			waits = append(waits, b.SignLater(t.Context(), s))
		}
		for _, wait := range waits {
			if err := wait(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 50 {
			if got := scan[int](t, db, `SELECT number FROM signatures WHERE locale = $1`, person(i)); got != i+1 {
				t.Fatalf("%s has number %d", person(i), got)
			}
		}
	})
}

func TestStop(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{MaxBatch: 4})
		stop := b.run()
		held, entered, release := hold()
		s.play(held)
		first := b.Queue(signature(p, "first"))
		<-entered
		rest := b.Queue(append(signatures(p, 10), comment(p, nil))...)
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		release()
		must(t, append(first(), rest()...)...)
		<-stopped
		if _, err := b.Sign(t.Context(), signature(p, "late")); !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("got %v after the end, want ErrUnavailable", err)
		}
		if err := b.SignLater(t.Context(), signature(p, "late"))(); !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("got %v after the end, want ErrUnavailable", err)
		}
		if f := audit(t, db, p); f.Total != 11 || f.Comments != 1 {
			t.Errorf("got %d signatures and %d comments, want all that were queued", f.Total, f.Comments)
		}
	})
}

func TestCallerHangsUp(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := running(t, db, ledger.Options{})
		held, entered, release := hold()
		s.play(held)
		ctx, cancel := context.WithCancel(t.Context())
		answered := make(chan error)
		go func() {
			_, err := b.Sign(ctx, signature(p, "ann"))
			answered <- err
		}()
		<-entered
		cancel()
		if err := <-answered; !errors.Is(err, ledger.ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want ErrOutcomeUnknown and why", err)
		}
		if _, err := b.Sign(ctx, signature(p, "bob")); !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("got %v of a caller who had hung up before, want ErrUnavailable", err)
		}
		release()
		must(t, b.Queue(signature(p, "cid"))()...)
		if f := audit(t, db, p); f.Total != 2 {
			t.Errorf("got %d signatures, want those of ann and cid", f.Total)
		}
	})
}

// TestCallerLeavesTheQueue lets callers give up while another batch is under way: nothing of theirs is written, and
// they hear so.
func TestCallerLeavesTheQueue(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := running(t, db, ledger.Options{})
		held, entered, release := hold()
		s.play(held)
		first := b.Queue(signature(p, "ann"))
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		answers := make(chan error)
		for _, who := range []string{"bob", "cid"} {
			go func() {
				_, err := b.Sign(ctx, signature(p, who))
				answers <- err
			}()
		}
		go func() {
			_, err := b.Comment(ctx, comment(p, nil))
			answers <- err
		}()
		for b.Waiting() < 3 {
			runtime.Gosched() // they are on their way
		}
		cancel()
		for range 3 {
			if err := <-answers; !errors.Is(err, ledger.ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want ErrUnavailable and why", err)
			}
		}
		release()
		must(t, first()...)
		must(t, b.Queue(signature(p, "dan"))()...)
		if f := audit(t, db, p); f.Total != 2 || f.Comments != 0 {
			t.Errorf("got %d signatures and %d comments, want those of ann and dan", f.Total, f.Comments)
		}
	})
}

// TestUnmigrated says at the start that a table is missing.
func TestUnmigrated(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		if _, err := db.Write.ExecContext(t.Context(), `DROP TABLE idempotency_keys`); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.New(t.Context(), db, ledger.Options{}); err == nil {
			t.Error("a ledger was made without its tables")
		}
	})
}
