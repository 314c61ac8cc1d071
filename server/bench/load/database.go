package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/pgserver"
	"petitiond/server/ledger"
)

// Database is an empty database with durable commits and default settings otherwise.
type Database struct {
	Dialect database.Dialect
	URL     string
}

// Each calls do with a new PostgreSQL and with a new SQLite file, or just with the one that only names. The first is
// removed before the second is created, so that they do not disturb each other.
func Each(ctx context.Context, only string, do func(context.Context, Database) error) error {
	if only != "both" && only != "postgres" && only != "sqlite" {
		return fmt.Errorf("there is no database %q: choose postgres, sqlite or both", only)
	}
	if only != "sqlite" {
		if err := onPostgres(ctx, do); err != nil {
			return err
		}
	}
	if only != "postgres" {
		return onSQLite(ctx, do)
	}
	return nil
}

func onPostgres(ctx context.Context, do func(context.Context, Database) error) error {
	server, err := pgserver.New(ctx, pgserver.Options{Durable: true})
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, Database{database.Postgres, server.URL("postgres")}), server.Stop())
}

func onSQLite(ctx context.Context, do func(context.Context, Database) error) error {
	folder, err := os.MkdirTemp("", "petitiond-sqlite-")
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, Database{database.SQLite, "sqlite:" + filepath.Join(folder, "load.db")}), os.RemoveAll(folder))
}

// Another makes an empty database of the same kind beside this one. The name is one of SQL that needs no quotes.
func (d Database) Another(ctx context.Context, name string) (Database, error) {
	if d.Dialect == database.SQLite {
		return Database{d.Dialect, d.URL + "." + name}, nil
	}
	db, err := database.Options{}.Open(ctx, d.URL)
	if err != nil {
		return d, err
	}
	_, err = db.Write.ExecContext(ctx, "CREATE DATABASE "+name)
	u, failed := url.Parse(d.URL)
	if err := errors.Join(err, failed, db.Close()); err != nil {
		return d, err
	}
	u.Path = "/" + name
	return Database{d.Dialect, u.String()}, nil
}

// Open opens the database and migrates it. Statements may take as long as they need.
func (d Database) Open(ctx context.Context, options database.Options) (*database.DB, error) {
	address := d.URL
	if d.Dialect == database.Postgres {
		u, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		query := u.Query()
		query.Set("statement_timeout", "0")
		query.Set("lock_timeout", "0")
		u.RawQuery = query.Encode()
		address = u.String()
	}
	db, err := options.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	if _, err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Describe returns the version and the settings of a database.
func Describe(ctx context.Context, db *database.DB) (text string, err error) {
	query := `SELECT 'SQLite ' || sqlite_version() || ', journal_mode=' || (SELECT journal_mode FROM pragma_journal_mode)
 || ', synchronous=' || (SELECT synchronous FROM pragma_synchronous)`
	if db.Dialect == database.Postgres {
		query = `SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)
 || string_agg(', ' || name || '=' || current_setting(name), '') FROM unnest(ARRAY['fsync', 'synchronous_commit',
 'full_page_writes', 'shared_buffers', 'max_wal_size', 'autovacuum']) AS s(name)`
	}
	err = db.Write.QueryRowContext(ctx, query).Scan(&text)
	return text, err
}

// Size returns the bytes that a database takes on disk, and separately those of its write-ahead log.
func (d Database) Size(ctx context.Context, db *database.DB) (data, log int64, err error) {
	if d.Dialect == database.Postgres {
		err = db.Read.QueryRowContext(ctx, `SELECT pg_database_size(current_database()), (SELECT SUM(size) FROM pg_ls_waldir())`).
			Scan(&data, &log)
		return data, log, err
	}
	path := strings.TrimPrefix(d.URL, "sqlite:")
	file, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	if beside, err := os.Stat(path + "-wal"); err == nil {
		log = beside.Size()
	}
	return file.Size(), log, nil
}

// Seed creates petitions that can be signed.
func Seed(ctx context.Context, db *database.DB, n int) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, n)
	now := database.Now()
	return ids, database.InTx(ctx, db.Write, func(tx *sql.Tx) error {
		for i := range ids {
			ids[i] = uuid.Must(uuid.NewV7())
			for _, text := range []string{
				`INSERT INTO petitions (id, slug, title, summary, body, language, addressees, state, petitioner, starts_at, created_at, updated_at, version)
 VALUES ($1, $2, 'Load', '', 'Load', 'en', '[]', 'OPEN', 'Load', $3, $3, $3, 1)`,
				`INSERT INTO ranks (petition_id, state) SELECT id, state FROM petitions WHERE id = $1 AND slug = $2 AND created_at = $3`,
			} {
				if _, err := tx.ExecContext(ctx, text, ids[i], fmt.Sprintf("load-%d", i), now); err != nil {
					return fmt.Errorf("seeding: %w", err)
				}
			}
			if err := ledger.Open(ctx, tx, ids[i], ledger.Terms{Accepting: true, Goal: 100}, now); err != nil {
				return err
			}
		}
		return nil
	})
}
