package petitioning_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/database/pgproxy"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
)

// proxied returns a Service whose PostgreSQL is behind a proxy.
func proxied(t *testing.T) (*bundle, *pgproxy.Proxy) {
	t.Helper()
	p := pgproxy.New(t, dbtest.URL(t, database.Postgres))
	db, err := database.Open(t.Context(), p.URL)
	ok(t, err)
	t.Cleanup(func() { _ = db.Close() }) // its connections are broken
	return setup(t, db), p
}

// readers are the ways in which a request reads, with what is needed for them.
func (b *bundle) readers(t *testing.T) map[string]func(n int) error {
	made := b.MustPublish(t)
	id, anybody := made.Petition, b.As(t, "")
	slug := b.Row(t, id).Slug
	key, err := b.CreateAPIKey(t.Context(), "partner", []petitioning.Scope{petitioning.ScopeAdmin})
	ok(t, err)
	found := func(f reading.Found, err error) error {
		if err == nil && len(f.Rows) != 1 {
			err = fmt.Errorf("%d petitions were found", len(f.Rows))
		}
		return err
	}
	return map[string]func(n int) error{
		"Authenticate": func(int) error {
			_, one := b.Authenticate(t.Context(), made.EditToken)
			_, two := b.Authenticate(t.Context(), key)
			return errors.Join(one, two)
		},
		"SignAndLook": func(n int) error {
			if err := b.Sign(anybody, signing(id, n)); err != nil {
				return err
			}
			return found(b.Reads(anybody).PetitionsByID(anybody, []uuid.UUID{id}, reading.Selection{Figures: true}))
		},
		"ByID": func(int) error {
			return found(b.Reads(anybody).PetitionsByID(anybody, []uuid.UUID{id}, reading.Selection{}))
		},
		"BySlug": func(int) error {
			return found(b.Reads(anybody).PetitionBySlug(anybody, slug, reading.Selection{Figures: true}))
		},
		"Figures": func(int) error {
			_, err := b.Reads(anybody).Figures(anybody, []uuid.UUID{id}, reading.WithHours)
			return err
		},
		"List": func(int) error {
			_, err := b.Reads(anybody).Petitions(anybody, reading.PetitionQuery{}, keyset.Args{First: p(10)})
			return err
		},
		"RepeatedCreate": func(int) error {
			_, err := b.Create(anybody, draft(func(d *petitioning.Draft) { d.IdempotencyKey = p("a key that nobody else has thought of") }))
			return err
		},
		"Comment": func(n int) error {
			_, err := b.Comment(anybody, petitioning.Remark{Petition: id, Body: fmt.Sprint("Remark ", n)})
			return err
		},
	}
}

// TestNobodyHearsOfLostConnections cuts every connection to PostgreSQL, and lets people come one after the other, at
// once, and while the server is away for a moment.
func TestNobodyHearsOfLostConnections(t *testing.T) {
	t.Parallel()
	b, proxy := proxied(t)
	readers := b.readers(t)
	people := 0
	crowd := func(when string) (wait func()) {
		var crowd sync.WaitGroup
		for range 16 {
			people++
			n := people
			for name, read := range readers {
				crowd.Go(func() {
					if err := read(n); err != nil {
						t.Errorf("%s, %s: %v", name, when, err)
					}
				})
			}
		}
		return crowd.Wait
	}
	crowd("before")() // every pool is full
	for name, die := range map[string]func(){"Cut": proxy.CutAll, "Reset": proxy.Forget} {
		for name, read := range readers {
			die()
			for range 14 { // the pools have 12 connections
				people++
				if err := read(people); err != nil {
					t.Errorf("%s, one after the other: %v", name, err)
				}
			}
		}
		crowd("before the next")()
		die()
		crowd("at once, " + name)()
	}
	back := proxy.Leave()
	before, _ := proxy.Refused()
	delete(readers, "RepeatedCreate") // begins a transaction if its key is not found
	wait := crowd("while the server was away")
	for {
		refused, more := proxy.Refused()
		if refused >= before+100 {
			break
		}
		<-more
	}
	back()
	wait()
}

// TestDatabaseIsAwayForLong is told to those who read.
func TestDatabaseIsAwayForLong(t *testing.T) {
	t.Parallel()
	b, proxy := proxied(t)
	id := b.MustPublish(t).Petition
	ctx := b.As(t, "")
	defer proxy.Leave()()
	var readers sync.WaitGroup
	for range 20 {
		readers.Go(func() {
			if _, err := b.Reads(ctx).PetitionsByID(ctx, []uuid.UUID{id}, reading.Selection{}); !petitioning.IsPassing(err) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want that the database is away", err)
			}
		})
	}
	readers.Wait()
}

// TestNothingIsWrittenOutOfSight loses the database at each read on which a write depends: those who ask are told, as
// of any other trouble, that nothing was written.
func TestNothingIsWrittenOutOfSight(t *testing.T) {
	t.Parallel()
	b, proxy := proxied(t)
	id := b.MustPublish(t).Petition
	said := b.MustComment(t, petitioning.Remark{Petition: id, Body: "First"})
	const key = "one more key that nobody has thought of yet"
	for name, write := range map[string]func(context.Context) error{
		"Create": func(ctx context.Context) error {
			_, err := b.Create(ctx, draft(func(d *petitioning.Draft) { d.IdempotencyKey = p(key) }))
			return err
		},
		"Comment": func(ctx context.Context) error {
			_, err := b.Comment(ctx, petitioning.Remark{Petition: id, Body: "Second"})
			return err
		},
		"Reply": func(ctx context.Context) error {
			_, err := b.Comment(ctx, petitioning.Remark{Petition: id, Parent: &said, Body: "Third"})
			return err
		},
		"Repeat": func(ctx context.Context) error {
			_, err := b.Comment(ctx, petitioning.Remark{Petition: id, Body: "Fourth", IdempotencyKey: p(key)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer proxy.Leave()()
			err := write(b.As(t, ""))
			if faults := petitioning.Faults(err); len(faults) != 1 || faults[0].Code != petitioning.Unavailable {
				t.Errorf("got %v, want that nothing could be written", err)
			}
		})
	}
}

// TestCreatedAndOutOfSight loses the answer to the COMMIT of a petition, and then the database, once its key was found
// again, at each of the reads that follow: it is there, and nobody may be told that nothing was done.
func TestCreatedAndOutOfSight(t *testing.T) {
	t.Parallel()
	for _, read := range []string{`FROM "tokens"`, `FROM "petitions"`} {
		t.Run(read, func(t *testing.T) {
			t.Parallel()
			b, proxy := proxied(t)
			input := draft(func(d *petitioning.Draft) { d.IdempotencyKey = p("one more key that nobody has thought of") })
			var committed atomic.Bool
			proxy.Judge(func(m pgproxy.Message) pgproxy.Fate {
				switch {
				case m.From == pgproxy.Program && m.Is("COMMIT"):
					committed.Store(true)
					return pgproxy.Pass
				case m.From == pgproxy.Server && bytes.Contains(m.Bytes, []byte("COMMIT\x00")),
					m.From == pgproxy.Program && committed.Load() && bytes.Contains(m.Bytes, []byte(read)):
					return pgproxy.CutBefore
				}
				return pgproxy.Pass
			})
			_, err := b.Create(b.As(t, ""), input)
			if faults := petitioning.Faults(err); len(faults) != 1 || faults[0].Code != petitioning.OutcomeUnknown {
				t.Errorf("got %v, want that the outcome is unknown", err)
			}
			proxy.Judge(nil)
			made, err := b.Create(b.As(t, ""), input)
			ok(t, err)
			if n := value[int](t, b, `SELECT COUNT(*) FROM petitions`); n != 1 || b.Row(t, made.Petition) == nil {
				t.Errorf("there are %d petitions, want the one", n)
			}
		})
	}
}
