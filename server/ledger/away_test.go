package ledger_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
)

// away is a database that cannot be reached.
func away() script {
	return script{
		connect: errRefused,
		begin:   func() error { return driver.ErrBadConn },
		commit:  (*curtain).lose,
	}
}

// impatient are options for tests in which the patience runs out.
func impatient() ledger.Options { return ledger.Options{Patience: 200 * time.Millisecond} }

// persist asks until the database answers.
func persist(t *testing.T, b *book, row any) ledger.Answer {
	t.Helper()
	for {
		a := b.Batch(row)[0]
		if t.Context().Err() != nil || !errors.Is(a.Err, ledger.ErrUnavailable) && !errors.Is(a.Err, ledger.ErrOutcomeUnknown) {
			return a
		}
	}
}

// TestAway keeps the database away for longer than the ledger's patience, and lets it come back.
func TestAway(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, impatient())
		s.play(away())
		row := keyed(p, "ann", "k", "1")
		for _, a := range b.Batch(row, comment(p, nil)) {
			if !errors.Is(a.Err, ledger.ErrUnavailable) {
				t.Errorf("got %v while nothing was sent, want ErrUnavailable", a.Err)
			}
		}
		s.play(script{})
		if got := must(t, persist(t, b, row)); got[0].Number != 1 {
			t.Errorf("got %+v after the recovery, want number 1", got)
		}
		audit(t, db, p)
	})
}

// TestAwayAfterCommit keeps it away after a COMMIT was sent. The caller asks again with the same key.
func TestAwayAfterCommit(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*curtain) error{"Written": (*curtain).writeAndLose, "NotWritten": (*curtain).lose}
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		b := newBook(t, db, impatient())
		for name, end := range ends {
			t.Run(name, func(t *testing.T) {
				p := petition(t, db, open())
				sent := false
				s.play(script{commit: func(c *curtain) error {
					sent = true
					s.play(away())
					return end(c)
				}})
				row := keyed(p, "ann", name, "1")
				got := b.Batch(row)[0]
				for !sent { // a slow machine
					got = b.Batch(row)[0]
				}
				if !errors.Is(got.Err, ledger.ErrOutcomeUnknown) {
					t.Errorf("got %v, want ErrOutcomeUnknown", got.Err)
				}
				s.play(script{})
				row.ID = newID() // a new call
				must(t, persist(t, b, row))
				if f := audit(t, db, p); f.Total != 1 {
					t.Errorf("got %d signatures, want 1", f.Total)
				}
			})
		}
	})
}

// TestLateAnswer loses a COMMIT when the patience is over: there is time left to look it up.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{Patience: time.Second})
		s.play(first(func(c *curtain) error {
			err := c.writeAndLose()
			<-c.ctx.Done()
			return err
		}))
		if got := must(t, b.Batch(signature(p, "ann"))...); got[0].Number != 1 {
			t.Errorf("got %+v, want number 1", got)
		}
		audit(t, db, p)
	})
}

// TestAwayEndsQueue answers what waited behind a batch that was given up, instead of trying each for as long.
func TestAwayEndsQueue(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		p := petition(t, db, open())
		o := ledger.Options{Patience: 2 * time.Second, MaxBatch: 1}
		b := running(t, db, o)
		must(t, persist(t, b, signature(p, "early"))) // connections are there
		held, entered, release := hold()
		s.play(held)
		first := b.Queue(signature(p, "first"))
		<-entered
		rest := b.Queue(signatures(p, 100)...)
		s.play(away())
		start := database.Now()
		release()
		first()
		for _, a := range rest() {
			if !errors.Is(a.Err, ledger.ErrUnavailable) {
				t.Fatalf("got %v, want ErrUnavailable", a.Err)
			}
		}
		if took := database.Now().Sub(start); took > 10*time.Second { // there are 100 batches
			t.Errorf("it took %v, much more than one patience", took)
		}
		s.play(script{})
		must(t, persist(t, b, signature(p, "later")))
		audit(t, db, p)
	})
}

// TestLockedTooLong lets a batch wait for a counter longer than it has patience.
func TestLockedTooLong(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := newBook(t, db, impatient())
		row := signature(p, "ann")
		err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			if _, err := ledger.Lock(t.Context(), tx, db.Dialect, p); err != nil {
				return err
			}
			for _, a := range b.Batch(row, comment(p, nil)) {
				if !errors.Is(a.Err, ledger.ErrUnavailable) {
					t.Errorf("got %v, want ErrUnavailable", a.Err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		must(t, persist(t, b, row))
		audit(t, db, p)
	})
}

// TestUnhurried lets a batch wait longer than the ledger has patience, for those who are in no hurry: they get what
// they ask for, unless somebody in a hurry is among them.
func TestUnhurried(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		p := petition(t, db, open())
		b := running(t, db, impatient())
		unhurried := ledger.Unhurried(t.Context())
		var waits []func() error
		err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			if _, err := ledger.Lock(t.Context(), tx, db.Dialect, p); err != nil {
				return err
			}
			for i := range 3 {
				waits = append(waits, b.SignLater(unhurried, signature(p, person(i))))
			}
			time.Sleep(3 * impatient().Patience)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, wait := range waits {
			if err := wait(); err != nil {
				t.Errorf("an unhurried signature: %v", err)
			}
		}
		audit(t, db, p)
	})
}

// TestLockTimeout goes on waiting for a counter where PostgreSQL gives the wait up.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(dbtest.URL(t, database.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	query.Set("statement_timeout", "300ms")
	address.RawQuery = query.Encode()
	s := new(stage)
	db := opened(t, database.Options{Wrap: func(c driver.Connector) driver.Connector { return stagedConnector{c, s} }}, address.String())
	p := petition(t, db, open())
	b := running(t, db, ledger.Options{})
	begun := make(chan struct{}, 1000)
	s.play(script{begin: func() error { begun <- struct{}{}; return nil }})
	var wait func() []ledger.Answer
	err = database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
		if _, err := ledger.Lock(t.Context(), tx, db.Dialect, p); err != nil {
			return err
		}
		wait = b.Queue(signatures(p, 3)...)
		for range 1 + 3 { // this one, and three tries of the batch
			<-begun
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, wait()...)
	if f := audit(t, db, p); f.Total != 3 {
		t.Errorf("got %d signatures, want 3", f.Total)
	}
}
