package petitioning_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const adminKey = "the admin key of the tests, long enough"

// monday is when the tests begin: a Monday, so that weeks are easy to read.
var monday = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)

// notRaced leaves a test of many rows out where the race detector watches: SQLite, which is Go, takes a hundred
// times as long then, and the test does one thing after another.
func notRaced(t testing.TB) {
	t.Helper()
	if raced {
		t.Skip("the race detector watches")
	}
}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bundle is a Service at work and what a test may turn or look at beside it.
type bundle struct {
	*petitioning.Service
	reading *reading.Service
	db      *database.DB
	ledger  *ledger.Ledger
	keys    *secret.Keys
	clock   *clock

	mu      sync.Mutex
	changes []figures.Value // told so far; guarded by mu
}

// observed is an observer of commits.
type observed func(values ...figures.Value)

func (f observed) Committed(values ...figures.Value) { f(values...) }
func (observed) Doubtful()                           {}
func (observed) Recounted([]ledger.Difference)       {}

// setup gives a Service with a ledger at work, both on the clock of the bundle.
func setup(t testing.TB, db *database.DB, adjust ...func(*petitioning.Options)) *bundle {
	t.Helper()
	b := &bundle{db: db, keys: testKeys(t), clock: &clock{now: monday}}
	moved := new(petitioning.Moved)
	book, err := ledger.New(t.Context(), db, ledger.Options{Now: b.clock.Now, Observer: observed(moved.Add)})
	if err != nil {
		t.Fatal(err)
	}
	opt := petitioning.Options{
		Database: db, Ledger: book, Keys: b.keys, AdminKey: adminKey, Now: b.clock.Now,
		Moved: moved,
		Observer: observed(func(values ...figures.Value) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.changes = append(b.changes, values...)
		}),
	}
	for _, fn := range adjust {
		fn(&opt)
	}
	b.look(reading.Options{Logger: opt.Logger})
	opt.Reading = b.reading
	b.Service, b.ledger = petitioning.New(opt), book
	run(t, book.Run)
	return b
}

// look makes the bundle read with these options.
func (b *bundle) look(opt reading.Options) {
	opt.Database, opt.Keys, opt.PublicURL, opt.Now = b.db, b.keys, "https://petitions.example", b.clock.Now
	b.reading = reading.New(opt)
}

// asMany makes the lists of a small site be read as those of a large one, which walk along an order.
func (b *bundle) asMany() {
	b.look(reading.Options{Sizes: reading.Sizes{Few: -1, Several: -1, Counted: -1}})
}

// reads reads what the actor of ctx may see.
func (b *bundle) reads(ctx context.Context) *reading.Reader {
	return b.reading.As(petitioning.ActorFrom(ctx).Viewer())
}

// run runs something until the test ends.
func run(t testing.TB, fn func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func testKeys(t testing.TB) *secret.Keys {
	t.Helper()
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, secret.RootSize))))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// told gives the changes that were told since it was last asked.
func (b *bundle) told() []figures.Value {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.changes
	b.changes = nil
	return out
}

// as gives a context in which the holder of a credential acts; an empty one is nobody's.
func (b *bundle) as(t testing.TB, bearer string) context.Context {
	t.Helper()
	if bearer == "" {
		return petitioning.WithActor(t.Context(), petitioning.Anonymous())
	}
	actor, err := b.Authenticate(t.Context(), bearer)
	if err != nil {
		t.Fatal(err)
	}
	return petitioning.WithActor(t.Context(), actor)
}

func operator(t testing.TB) context.Context {
	t.Helper()
	return petitioning.WithActor(t.Context(), petitioning.Operator())
}

// draft gives an input with which all is well.
func draft(adjust ...func(*petitioning.Draft)) petitioning.Draft {
	d := petitioning.Draft{Title: "Save the bees", Body: "They are few.", Petitioner: "Ada Obi"}
	for _, fn := range adjust {
		fn(&d)
	}
	return d
}

// create makes a draft that must be taken.
func (b *bundle) create(t testing.TB, adjust ...func(*petitioning.Draft)) petitioning.Created {
	t.Helper()
	c, err := b.Create(b.as(t, ""), draft(adjust...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// publish makes a petition that is open, and everything that its making told is forgotten.
func (b *bundle) publish(t testing.TB, adjust ...func(*petitioning.Draft)) petitioning.Created {
	t.Helper()
	c := b.create(t, adjust...)
	if err := b.Publish(b.as(t, c.EditToken), c.Petition); err != nil {
		t.Fatal(err)
	}
	b.told()
	return c
}

// signing gives the signature of the n-th person, with which all is well.
func signing(id uuid.UUID, n int, adjust ...func(*petitioning.Signing)) petitioning.Signing {
	s := petitioning.Signing{Petition: id, Name: fmt.Sprintf("Person %d", n), Email: fmt.Sprintf("person%d@example.org", n)}
	for _, fn := range adjust {
		fn(&s)
	}
	return s
}

// sign has the n-th person sign.
func (b *bundle) sign(t testing.TB, id uuid.UUID, n int, adjust ...func(*petitioning.Signing)) {
	t.Helper()
	if err := b.Sign(b.as(t, ""), signing(id, n, adjust...)); err != nil {
		t.Fatal(err)
	}
}

// comment writes a comment that must be taken.
func (b *bundle) comment(t testing.TB, r petitioning.Remark) uuid.UUID {
	t.Helper()
	id, err := b.Comment(b.as(t, ""), r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// row gives a petition that the operator must see.
func (b *bundle) row(t testing.TB, id uuid.UUID) *ent.Petition {
	t.Helper()
	found, err := b.reads(operator(t)).PetitionsByID(operator(t), []uuid.UUID{id}, reading.Wanted{})
	if err != nil || len(found.Rows) != 1 {
		t.Fatalf("reading a petition: %d rows, error %v", len(found.Rows), err)
	}
	return found.Rows[0]
}

// figures gives the numbers of a petition.
func (b *bundle) figures(t testing.TB, id uuid.UUID) reading.Figures {
	t.Helper()
	found, err := b.reads(operator(t)).Figures(operator(t), []uuid.UUID{id})
	if err != nil || found[id] == nil {
		t.Fatalf("reading figures: %v, error %v", found, err)
	}
	return *found[id]
}

// history gives the history of one petition.
func (b *bundle) history(
	ctx context.Context, id uuid.UUID, step reading.Interval, from, to *time.Time,
) ([]*reading.CountPoint, error) {
	all, err := b.reads(ctx).Histories(ctx, []uuid.UUID{id}, step, from, to)
	return all[id].Points, errors.Join(err, all[id].Err)
}

// move puts a petition into a state that no operation of the domain leads to.
func (b *bundle) move(t testing.TB, id uuid.UUID, state petition.State) {
	t.Helper()
	b.exec(t, `UPDATE petitions SET state = $2 WHERE id = $1`, id, string(state))
	b.exec(t, `UPDATE ranks SET state = $2 WHERE petition_id = $1`, id, string(state))
	b.exec(t, `UPDATE counters SET accepting = $2 WHERE petition_id = $1`, id, state == petition.StateOPEN)
}

func (b *bundle) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := b.db.Write.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// value reads the one value of the one row of a query.
func value[V any](t testing.TB, b *bundle, query string, args ...any) V {
	t.Helper()
	var v V
	if err := b.db.Read.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// equal fails the test where got is not want.
func equal(t testing.TB, what string, want, got any, options ...cmp.Option) {
	t.Helper()
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// faults fails the test unless err is made of exactly these faults, each as its code and its path. Every
// message must be a sentence.
func faults(t testing.TB, err error, want ...string) {
	t.Helper()
	for _, f := range petitioning.Faults(err) {
		if !strings.HasSuffix(f.Message, ".") {
			t.Errorf("%q is no sentence", f.Message)
		}
	}
	slices.Sort(want)
	equal(t, "faults", want, faultsOf(err))
}

// faultsOf gives the faults that err is made of as codes and paths; an error that nobody can mend stands for
// itself.
func faultsOf(err error) []string {
	var out []string
	for _, f := range petitioning.Faults(err) {
		out = append(out, strings.TrimSpace(string(f.Code)+" "+strings.Join(f.Field, ".")))
	}
	if err != nil && out == nil {
		out = []string{err.Error()}
	}
	slices.Sort(out)
	return out
}

// same reports whether two values are equal.
func same(a, b any) bool { return cmp.Equal(a, b) }

// ok ends the test where there is an error.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func p[V any](v V) *V { return &v }
