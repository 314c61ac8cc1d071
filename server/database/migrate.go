package database

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// lockTries is how many attempts a migration has to get its locks.
const lockTries = 10

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var embedded embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string
}

// Migrate brings the schema up to date. It returns the migrations that it has applied, in order, also if a later one
// fails. Each migration is a transaction of its own, unless its file says otherwise. Programs that migrate at the same
// time wait for each other.
func (db *DB) Migrate(ctx context.Context) ([]Migration, error) {
	return db.migrateTo(ctx, db.migrations(), math.MaxInt64)
}

// Pending returns the migrations that Migrate would apply. It changes nothing and does not wait for other programs.
func (db *DB) Pending(ctx context.Context) ([]Migration, error) {
	all, err := list(db.migrations())
	if err != nil {
		return nil, err
	}
	applied, err := db.applied(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the applied migrations: %w", err)
	}
	return slices.DeleteFunc(all, func(m Migration) bool { return slices.Contains(applied, m.Version) }), nil
}

// migrations returns the files for this kind of database. Their names are the same for both kinds.
func (db *DB) migrations() fs.FS {
	folder := "migrations/postgres"
	if db.Dialect == SQLite {
		folder = "migrations/sqlite"
	}
	files, err := fs.Sub(embedded, folder)
	if err != nil {
		panic(err) // only a malformed path fails
	}
	return files
}

// migrateTo applies the migrations in files up to version.
func (db *DB) migrateTo(ctx context.Context, files fs.FS, version int64) (done []Migration, err error) {
	provider, release, err := db.provider(ctx, files)
	if err != nil {
		return nil, fmt.Errorf("prepare the migration: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	for try := 1; ; try++ {
		results, err := provider.UpTo(ctx, version)
		// What was applied before the one that failed stays applied: each has a transaction of its own.
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			results = partial.Applied
		}
		for _, r := range results {
			done = append(done, Migration{r.Source.Version, migrationName(r.Source.Path)})
		}
		if err == nil {
			return done, nil
		}
		// Only a lock is worth another try: the tables were in use, and will be free in a moment.
		if try == lockTries || pq.As(err, pqerror.LockNotAvailable) == nil {
			return done, fmt.Errorf("migrate: %w", err)
		}
		if err := pause(ctx, time.Second); err != nil {
			return done, err
		}
	}
}

// provider prepares to apply the migrations in files, under a lock that release gives up.
func (db *DB) provider(ctx context.Context, files fs.FS) (_ *goose.Provider, release func() error, err error) {
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	if db.Dialect == SQLite {
		release, err = waitLock(ctx, db.Beside(".migrating"))
		if err != nil {
			return nil, nil, err
		}
		provider, err := goose.NewProvider(goose.DialectSQLite3, db.Write, files, options...)
		return provider, release, closeOnError(err, release)
	}
	// An advisory lock of the session, which ends with the connection if the program dies.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, nil, err
	}
	// A pool of its own, whose sessions have the time limits of migrations.
	pool, err := db.migrate()
	if err != nil {
		return nil, nil, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, files, append(options, goose.WithSessionLocker(locker))...)
	return provider, pool.Close, closeOnError(err, pool.Close)
}

// closeOnError calls closing if there is an error, and returns both errors.
func closeOnError(err error, closing func() error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, closing())
}

// applied returns the versions of the migrations that the database has. A new database has no table of them yet.
func (db *DB) applied(ctx context.Context) ([]int64, error) {
	// Asking goose would create its table, and Pending is to change nothing.
	exists := "SELECT to_regclass('goose_db_version') IS NOT NULL"
	if db.Dialect == SQLite {
		exists = "SELECT count(*) > 0 FROM sqlite_master WHERE name = 'goose_db_version'"
	}
	var migrated bool
	if err := db.LookUp.QueryRowContext(ctx, exists).Scan(&migrated); err != nil || !migrated {
		return nil, err
	}
	rows, err := db.LookUp.QueryContext(ctx, "SELECT version_id FROM goose_db_version WHERE is_applied")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var versions []int64
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return nil, err
		}
		versions = append(versions, version)
	}
	return versions, rows.Err()
}

// list returns the migrations in files, in order.
func list(files fs.FS) (all []Migration, err error) {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		all = append(all, Migration{version, migrationName(name)})
	}
	return all, nil
}

// migrationName returns the name of a migration: its file's, without the number and the ending.
func migrationName(file string) string {
	_, name, _ := strings.Cut(path.Base(file), "_")
	return strings.TrimSuffix(name, ".sql")
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
