package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"

	"petitiond/server/database"
	"petitiond/server/database/pgserver"
)

// folders are the folders of each database's migrations, below the root that run is given.
var folders = map[database.Dialect]string{database.SQLite: "sqlite", database.Postgres: "postgres"}

// main exits with 1 if a draft could not be made.
func main() {
	name := flag.String("name", "", "what the migration does, in `words_like_this`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, scratch, filepath.Join("server", "database", "migrations"), *name)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "draft:", err)
		os.Exit(1)
	}
}

// empty creates an empty database that exists until discard is called.
type empty func(ctx context.Context, dialect database.Dialect) (url string, discard func() error, err error)

// run writes the drafts into the folders below root and prints to out what it has written.
func run(ctx context.Context, out io.Writer, scratch empty, root, name string) error {
	if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(name) {
		return errors.New("name what the migration does, for example: -name add_reports")
	}
	version, err := next(root)
	if err != nil {
		return err
	}
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		folder := filepath.Join(root, folders[dialect])
		text, err := compare(ctx, scratch, dialect, folder)
		if err != nil {
			return fmt.Errorf("%s: %w", dialect, err)
		}
		// atlas cannot alter much on SQLite and copies the table instead, which loses what the model does not know.
		if dialect == database.SQLite && strings.Contains(text, "DROP TABLE") {
			fmt.Fprintln(out, "SQLite: the draft recreates a table; write it by hand as ALTER TABLE … ADD COLUMN")
		}
		if text == "" {
			fmt.Fprintf(out, "%s: nothing to do\n", dialect)
			text = "-- Nothing to do here; the file keeps the numbers of both databases in step.\nSELECT 1;\n"
		}
		file := filepath.Join(folder, fmt.Sprintf("%05d_%s.sql", version, name))
		if err := os.WriteFile(file, []byte("-- +goose Up\n"+text), 0o644); err != nil { //nolint:gosec // a source file
			return err
		}
		fmt.Fprintln(out, file)
	}
	return nil
}

// compare runs diff on a temporary database.
func compare(ctx context.Context, scratch empty, dialect database.Dialect, folder string) (_ string, err error) {
	url, discard, err := scratch(ctx, dialect)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, discard()) }()
	db, err := database.Open(ctx, url)
	if err != nil {
		return "", err
	}
	defer db.Close()
	return diff(ctx, db, folder)
}

// scratch creates an empty database that only this process uses.
func scratch(ctx context.Context, dialect database.Dialect) (url string, discard func() error, err error) {
	if dialect == database.Postgres {
		server, err := pgserver.New(ctx, pgserver.Options{})
		if err != nil {
			return "", nil, err
		}
		return server.URL("postgres"), server.Stop, nil
	}
	folder, err := os.MkdirTemp("", "petitiond-draft-")
	if err != nil {
		return "", nil, err
	}
	return "sqlite:" + filepath.Join(folder, "draft.db"), func() error { return os.RemoveAll(folder) }, nil
}

// next returns the number of the next migration.
func next(root string) (int, error) {
	files, err := filepath.Glob(filepath.Join(root, "*", "*.sql"))
	if err != nil {
		return 0, err
	}
	last := 0
	for _, file := range files {
		var version int
		if _, err := fmt.Sscanf(filepath.Base(file), "%d_", &version); err != nil {
			return 0, fmt.Errorf("%s does not begin with a number", filepath.Base(file))
		}
		last = max(last, version)
	}
	return last + 1, nil
}
