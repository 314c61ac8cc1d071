package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// pragma is a setting of an SQLite connection, and what SQLite returns for it when it is in effect.
type pragma struct{ name, value, reads string }

// sqlitePragmas are set on each connection. With NORMAL instead of FULL, a power loss could lose acknowledged commits.
func sqlitePragmas() []pragma {
	return []pragma{
		{"busy_timeout", "5000", "5000"},
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"foreign_keys", "1", "1"},
		{"temp_store", "1", "1"}, // in files: what is sorted may be as large as the site
	}
}

// cacheSize is the pragma for how many KiB a connection keeps of the file, which is also how much it sorts before it
// writes to another file. All of them together have a limit besides: see limitSQLite.
func cacheSize(kib string) pragma { return pragma{"cache_size", "-" + kib, "-" + kib} }

// readerPragmas are those of a reader. It keeps little, since there are many and the system keeps the file besides.
func readerPragmas() []pragma { return []pragma{{"query_only", "1", "1"}, cacheSize("2000")} }

// writerPragmas are those of the writer. It keeps enough for the pages that it writes to at random, those of two unique
// indexes, and leaves the log to our own checkpoints until it has 128 MiB.
func writerPragmas() []pragma {
	return []pragma{{"query_only", "0", "0"}, cacheSize("65536"), {"wal_autocheckpoint", "32000", "32000"}}
}

// helperPragmas are those of the connection that makes checkpoints.
func helperPragmas() []pragma { return []pragma{{"query_only", "0", "0"}, cacheSize("2000")} }

// openSQLite opens one connection that writes and several that only read. SQLite allows one writer at a time: with more
// of them, transactions would fail while they wait for each other instead of queueing here.
func (o Options) openSQLite(ctx context.Context, path string) (_ *DB, err error) {
	if path, err = o.makeFile(path); err != nil {
		return nil, err
	}
	if errUncounted != nil {
		return nil, errUncounted
	}
	o.limitSQLite()
	db := &DB{Dialect: SQLite, Clock: newClock(o.Wall, nil), reads: o.turns(), path: path}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	writing, reading := append(sqlitePragmas(), writerPragmas()...), append(sqlitePragmas(), readerPragmas()...)
	// The writer is opened first: it turns the journal into a write-ahead log, which readers are not allowed to do.
	if db.Write, err = o.sqlitePool(ctx, path, writing, "immediate", 1); err != nil {
		return nil, err
	}
	db.Ledger = db.Write
	if db.Read, err = o.sqlitePool(ctx, path, reading, "deferred", o.Read); err != nil {
		return nil, err
	}
	if db.LookUp, err = o.sqlitePool(ctx, path, reading, "deferred", o.LookUp); err != nil {
		return nil, err
	}
	// Checkpoints are no statements of the program: those who count or fail statements must not see them.
	unwrapped := Options{Wrap: func(c driver.Connector) driver.Connector { return c }}
	helper, err := unwrapped.sqlitePool(ctx, path, append(sqlitePragmas(), helperPragmas()...), "deferred", 1)
	if err != nil {
		return nil, err
	}
	db.checkpoints = startCheckpoints(helper, db.Write)
	return db, nil
}

// sqlitePool opens a pool and checks on one of its connections that the pragmas are in effect: SQLite silently ignores
// those that it does not know or cannot grant.
func (o Options) sqlitePool(ctx context.Context, path string, pragmas []pragma, begin string, size int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(sqliteDSN(path, pragmas, begin))
	if err != nil {
		return nil, fmt.Errorf("open the SQLite file: %w", err)
	}
	pool := o.pool(connector, SQLite, size)
	for _, p := range pragmas {
		var got string
		if err = pool.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got); err != nil {
			err = fmt.Errorf("open the SQLite file: %w", err)
		} else if !strings.EqualFold(got, p.reads) {
			err = fmt.Errorf("SQLite does not grant %s = %s; is the file on a network drive?", p.name, p.value)
		}
		if err != nil {
			return nil, errors.Join(err, pool.Close())
		}
	}
	return pool, nil
}

// sqliteDSN returns the driver's address of a file as a URI, in which a ? or % in the path is escaped. Times are stored
// in a format in which they sort as text.
func sqliteDSN(path string, pragmas []pragma, begin string) string {
	query := url.Values{"_txlock": {begin}, "_time_format": {"sqlite"}}
	for _, p := range pragmas {
		query.Add("_pragma", p.name+"("+p.value+")")
	}
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // a Windows path begins with the drive
		slashed = "/" + slashed
	}
	return "file://" + (&url.URL{Path: slashed}).EscapedPath() + "?" + query.Encode()
}

// makeFile creates an empty file at path, and its folder, unless they exist or have to. It returns the path with links
// resolved: SQLite and we name further files after it, which must be the same by whatever link it was opened. The
// write-ahead log gets the file's mode.
func (o Options) makeFile(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") || strings.HasPrefix(path, "//") {
		return "", fmt.Errorf("%w; SQLite needs the path of a file", ErrURL)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the SQLite file: %w", err)
	}
	if _, err := os.Stat(path); o.Existing && errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w at %s", ErrMissing, path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("create the folder of the SQLite file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("open the SQLite file: %w", err)
	}
	info, err := file.Stat()
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("open the SQLite file: %w", err)
	}
	if err = onlyName(info); err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", fmt.Errorf("find the SQLite file: %w", err)
	}
	return path, nil
}
