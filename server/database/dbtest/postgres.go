package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/lib/pq" // the driver with which databases are created and dropped

	"petitiond/server/database"
	"petitiond/server/database/pgserver"
)

// What the tests of one process share: one server, and one migrated database to clone.
var (
	shared = sync.OnceValues(share)
	// made is what share has created, for discard.
	made atomic.Pointer[source]
	// tidy is set if Main is running, which calls discard in the end.
	tidy atomic.Bool
)

// source is where PostgreSQL databases come from.
type source struct {
	admin    string                   // address of a database that always exists
	url      func(name string) string // address of a database
	template string                   // a migrated database to clone; empty if each database has to be migrated
	stop     func() error
}

// postgresURL clones the template into a database of the test's own, which is dropped when the test ends.
func postgresURL(t testing.TB) string {
	t.Helper()
	if os.Getenv("PETITION_TEST_POSTGRES") == "off" {
		t.Skip("PETITION_TEST_POSTGRES=off")
	}
	s, err := shared()
	if err != nil {
		t.Fatalf("%v\nOr set PETITION_TEST_DATABASE_URL to a server where databases may be made, "+
			"or PETITION_TEST_POSTGRES=off to test on SQLite alone.", err)
	}
	name := newName()
	if err := s.create(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.drop(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return s.url(name)
}

// share finds or starts a server and creates the template.
func share() (*source, error) {
	ctx := context.Background()
	s, err := connect(ctx, os.Getenv("PETITION_TEST_DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	made.Store(s)
	if s.stop == nil && !tidy.Load() { // the server outlives the process, and nothing would drop the template
		return s, nil
	}
	name := newName()
	if err := s.create(ctx, name); err != nil {
		return nil, err
	}
	s.template = name
	return s, nil
}

// connect returns the server at address, or starts one if address is empty.
func connect(ctx context.Context, address string) (*source, error) {
	if address == "" {
		server, err := pgserver.New(ctx, pgserver.Options{})
		if err != nil {
			return nil, fmt.Errorf("the tests need PostgreSQL: %w", err)
		}
		return &source{admin: server.URL("postgres"), url: server.URL, stop: server.Stop}, nil
	}
	address, err := database.PostgresAddress(address)
	if err != nil {
		return nil, fmt.Errorf("PETITION_TEST_DATABASE_URL: %w", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("PETITION_TEST_DATABASE_URL is not an address")
	}
	return &source{admin: address, url: func(name string) string {
		of := *u
		of.Path = "/" + name
		return of.String()
	}}, nil
}

// create creates a migrated database.
func (s *source) create(ctx context.Context, name string) error {
	// To copy the files of a database takes a fraction of what it takes to migrate one.
	if s.template != "" {
		return s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+s.template)
	}
	// template0, since an administrator may have put anything into template1, in any encoding.
	if err := s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		return err
	}
	return migrated(ctx, s.url(name))
}

// drop drops a database, also if a test has left connections open.
func (s *source) drop(ctx context.Context, name string) error {
	return s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
}

// exec runs a statement that cannot be part of a transaction, such as CREATE DATABASE.
func (s *source) exec(ctx context.Context, statement string) error {
	pool, err := sql.Open("postgres", s.admin)
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, statement)
	if err != nil {
		err = fmt.Errorf("create or drop a test database: %w", err)
	}
	return errors.Join(err, pool.Close())
}

// discard removes what the tests of the process shared.
func discard(ctx context.Context) error {
	s := made.Load()
	// A server of our own takes its databases with it.
	switch {
	case s == nil:
		return nil
	case s.stop != nil:
		return s.stop()
	case s.template != "":
		return s.drop(ctx, s.template)
	}
	return nil
}

// newName returns a name that no other process uses.
func newName() string {
	return "petitiond_test_" + strings.ToLower(rand.Text())
}
