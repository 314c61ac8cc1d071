package petitioning_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
)

// TestWritesRunInTransactions goes through everything that writes. The driver of PostgreSQL runs a lone
// statement again when the connection dies, whether or not the server had committed it.
func TestWritesRunInTransactions(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		counter.Reset()
		made := b.MustPublish(t, func(d *petitioning.Draft) { d.Tags, d.EndsAt = []string{"a", "b"}, p(monday.Add(time.Hour)) })
		b.MustSign(t, made.Petition, 1, func(s *petitioning.Signing) {
			s.Comment, s.IdempotencyKey = p("Reason"), p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935")
		})
		b.MustComment(t, petitioning.Remark{Petition: made.Petition, Body: "Well"})
		ok(t, b.Update(operator(t), b.Edit(t, made.Petition, func(u *petitioning.Update) {
			u.Title, u.Tags, u.Goal = p("Another"), &[]string{"c"}, p(5)
		})))
		b.Clock.Advance(time.Hour)
		ok(t, b.CloseDue(t.Context()))
		ok(t, b.Hide(operator(t), made.Petition))
		b.Signed(t, []time.Time{monday})
		_, err := b.CreateAPIKey(t.Context(), "Partner", petitioning.Scopes())
		ok(t, err)
		ok(t, b.Rank(t.Context()))
		ok(t, b.RankAll(t.Context()))
		ok(t, b.SweepKeys(t.Context()))
		inside, writes := 0, 0
		for _, s := range counter.Statements() {
			switch verb, _, _ := strings.Cut(strings.TrimSpace(s), " "); strings.ToUpper(verb) {
			case "BEGIN":
				inside++
			case "COMMIT", "ROLLBACK":
				inside--
			case "SELECT":
			default:
				writes++
				if inside == 0 {
					t.Errorf("this runs outside of a transaction: %s", s)
				}
			}
		}
		if writes < 50 {
			t.Errorf("%d statements write, want all that there are", writes)
		}
	})
}

// TestSigningReadsNothing keeps a signature that counts at the one transaction of the ledger.
func TestSigningReadsNothing(t *testing.T) {
	t.Parallel()
	dbtest.EachCounting(t, func(t *testing.T, db *database.DB, counter *dbtest.Counter) {
		b := setup(t, db)
		made := b.MustPublish(t)
		counter.Reset()
		b.MustSign(t, made.Petition, 1, func(s *petitioning.Signing) { s.IdempotencyKey = p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935") })
		statements := counter.Statements()
		equal(t, "first and last statement", []string{"BEGIN", "COMMIT"}, []string{statements[0], statements[len(statements)-1]})
	})
}

// outage is a way to a database that can be cut.
type outage struct {
	driver.Connector
	cut *atomic.Bool
}

// Connect fails while the way is cut.
func (o outage) Connect(ctx context.Context) (driver.Conn, error) {
	if o.cut.Load() {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	return o.Connector.Connect(ctx)
}

func TestOutage(t *testing.T) {
	t.Parallel()
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			cut := new(atomic.Bool)
			opt := database.Options{Wrap: func(c driver.Connector) driver.Connector { return outage{c, cut} }}
			db, err := opt.Open(t.Context(), dbtest.URL(t, dialect))
			ok(t, err)
			t.Cleanup(func() { ok(t, db.Close()) })
			b := setup(t, db)
			made := b.MustPublish(t)
			owner := b.As(t, made.EditToken)
			u := b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Goal = p(5) })
			db.Write.SetMaxIdleConns(0)
			cut.Store(true)
			_, err = b.Create(b.As(t, ""), draft())
			unavailable(t, err)
			unavailable(t, b.Update(owner, u))
			unavailable(t, b.Publish(owner, made.Petition))
			unavailable(t, b.Close(owner, made.Petition, nil))
			cut.Store(false)
			ok(t, b.Update(owner, u))
			equal(t, "goal", 5, b.Figures(t, made.Petition).Goal)
		})
	}
}

// TestWritesThatOnlyWaited takes every connection to write on until the time of those who ask is over: nothing was
// sent, and they are told that nothing was written. With a key they wait for the look at it as well.
func TestWritesThatOnlyWaited(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		owner := b.As(t, made.EditToken)
		keyed := draft(func(d *petitioning.Draft) { d.IdempotencyKey = p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935") })
		u := b.Edit(t, made.Petition, func(u *petitioning.Update) { u.Goal = p(5) })
		for _, pool := range []*sql.DB{db.Write, db.Newest()} {
			for range pool.Stats().MaxOpenConnections {
				conn, err := pool.Conn(t.Context())
				ok(t, err)
				defer conn.Close()
			}
			if db.Newest() == db.Write {
				break
			}
		}
		for name, write := range map[string]func(context.Context) error{
			"Create":  func(ctx context.Context) error { _, err := b.Create(ctx, draft()); return err },
			"Keyed":   func(ctx context.Context) error { _, err := b.Create(ctx, keyed); return err },
			"Update":  func(ctx context.Context) error { return b.Update(ctx, u) },
			"Publish": func(ctx context.Context) error { return b.Publish(ctx, made.Petition) },
			"Close":   func(ctx context.Context) error { return b.Close(ctx, made.Petition, nil) },
			"Comment": func(ctx context.Context) error {
				_, err := b.Comment(ctx, petitioning.Remark{Petition: made.Petition, Body: "Well", IdempotencyKey: keyed.IdempotencyKey})
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(owner, 20*time.Millisecond)
				defer cancel()
				unavailable(t, write(ctx))
			})
		}
	})
}

// unavailable fails the test unless err says that nothing was written and when to come again.
func unavailable(t testing.TB, err error) {
	t.Helper()
	faults(t, err, "UNAVAILABLE")
	if f := petitioning.Faults(err); len(f) > 0 && f[0].RetryAfter <= 0 {
		t.Error("the fault does not say when to try again")
	}
	if strings.Contains(petitioning.Faults(err).Error(), "connection") {
		t.Errorf("the message %q speaks of the inside", petitioning.Faults(err).Error())
	}
}

// TestCallersWhoHangUp are told, if they still listen, that nobody knows or that nothing was done; a repeat with the
// key settles it.
func TestCallersWhoHangUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made := b.MustPublish(t)
		gone, hangUp := context.WithCancel(b.As(t, ""))
		hangUp()
		keyed := signing(made.Petition, 1, func(s *petitioning.Signing) { s.IdempotencyKey = p("5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935") })
		if err := b.Sign(gone, keyed); err != nil && !slices.Contains([]string{"OUTCOME_UNKNOWN", "UNAVAILABLE"}, sitetest.FaultsOf(err)[0]) {
			t.Errorf("the caller is told %v", err)
		}
		ok(t, b.Sign(b.As(t, ""), keyed))
		equal(t, "total", 1, b.Figures(t, made.Petition).Total)
	})
}

// TestSignersWaitForOneEditor has eight clients who edit petitions wait for SQLite's writer, and one who signs: the
// signature is written after one of them at most, and not after all.
func TestSignersWaitForOneEditor(t *testing.T) {
	t.Parallel()
	db, counter := dbtest.Counting(t, database.SQLite)
	b := setup(t, db)
	signed := b.MustPublish(t).Petition
	var drafts []uuid.UUID
	for range 8 {
		drafts = append(drafts, b.MustCreate(t).Petition)
	}
	for round := range 8 { // who is next is left to chance
		held, err := db.Write.Conn(t.Context())
		ok(t, err)
		var all sync.WaitGroup
		waited := db.Write.Stats().WaitCount
		for _, id := range drafts {
			all.Go(func() {
				if err := b.Update(operator(t), b.Edit(t, id, func(u *petitioning.Update) { u.Goal = p(1000 + round) })); err != nil {
					t.Error(err)
				}
			})
		}
		all.Go(func() {
			if err := b.Sign(b.As(t, ""), signing(signed, round)); err != nil {
				t.Error(err)
			}
		})
		for db.Write.Stats().WaitCount < waited+2 { // the ledger, and one of the others
			time.Sleep(time.Millisecond)
		}
		counter.Reset()
		ok(t, held.Close())
		all.Wait()
		before := 0
		for _, s := range counter.Statements() {
			if strings.Contains(s, "INTO signatures") {
				break
			}
			if s == "COMMIT" {
				before++
			}
		}
		if before > 1 {
			t.Errorf("a signature waits for %d others", before)
		}
	}
}
