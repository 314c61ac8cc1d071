// Package sitetest makes sites for tests: the domain at work on a throw-away database, on a clock that stands still,
// and what may be done there without ado.
package sitetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/mail"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
	"petitiond/server/signing"
)

// AdminKey is the operator's.
const AdminKey = "the admin key of the tests, long enough"

// Monday is when the tests begin: a Monday, so that weeks are easy to read.
var Monday = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)

// Clock stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Site is a Service at work and what a test may turn or look at beside it.
type Site struct {
	*petitioning.Service
	Reading   *reading.Service
	Mailboxes *signing.Service
	DB        *database.DB
	Ledger    *ledger.Ledger
	Keys      *secret.Keys
	Clock     *Clock

	mu      sync.Mutex
	changes []figures.Value // told so far; guarded by mu
	mails   []mail.Order    // sent so far; guarded by mu
}

// Observed is an observer that is told of commits alone.
type Observed func(values ...figures.Value)

// Committed implements ledger.Observer.
func (f Observed) Committed(values ...figures.Value) { f(values...) }

// Doubtful implements ledger.Observer.
func (Observed) Doubtful() {}

// New returns a site with a ledger at work, both on the clock of the site.
func New(t testing.TB, db *database.DB, adjust ...func(*petitioning.Options)) *Site {
	t.Helper()
	s := &Site{DB: db, Keys: KeysOf(t, 7), Clock: &Clock{now: Monday}}
	moved := new(petitioning.Moved)
	book, err := ledger.New(t.Context(), db, ledger.Options{Now: s.Clock.Now, Observer: Observed(moved.Add)})
	OK(t, err)
	opt := petitioning.Options{
		Database: db, Ledger: book, Keys: s.Keys, AdminKey: AdminKey, Now: s.Clock.Now,
		Moved: moved, Observer: Observed(s.tell),
	}
	for _, fn := range adjust {
		fn(&opt)
	}
	s.readWith(reading.Options{Logger: opt.Logger})
	s.Ledger = book
	s.Mailboxes = s.mailboxes()
	opt.Reading, opt.Mailboxes = s.Reading, s.Mailboxes
	s.Service = petitioning.New(opt)
	Run(t, book.Run)
	return s
}

// KeysOf returns the keys of a root of equal bytes; those of a site are sevens.
func KeysOf(t testing.TB, fill byte) *secret.Keys {
	t.Helper()
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, secret.RootSize))))
	OK(t, err)
	return keys
}

// readWith makes the site read with these options.
func (s *Site) readWith(opt reading.Options) {
	opt.Database, opt.Keys, opt.PublicURL, opt.Now = s.DB, s.Keys, "https://petitions.example", s.Clock.Now
	s.Reading = reading.New(opt)
}

// ReadAsMany makes the lists of a small site be read as those of a large one, which walk along an order.
func (s *Site) ReadAsMany() {
	s.readWith(reading.Options{Sizes: reading.Sizes{Few: -1, Several: -1, Counted: -1}})
}

// Run runs something until the test ends.
func Run(t testing.TB, fn func(context.Context) error) {
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

func (s *Site) tell(values ...figures.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, values...)
}

// Told returns the changes that were told since it was last asked.
func (s *Site) Told() []figures.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.changes
	s.changes = nil
	return out
}
