package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
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

// What the connections of SQLite keep of the file, in KiB: a reader little, since there are many and the system keeps
// the file besides, and the writer enough for the pages that it writes to at random, those of two unique indexes. It is
// also how much a connection sorts before it writes to a file. There is no limit for all of them together: the driver
// is built without the statistics that SQLite's soft heap limit goes by.
const (
	readerCache = 2000
	writerCache = 65536
)

// Caches returns how many bytes the connections to an SQLite file keep of it. They are not in Go's heap, so that its
// limit knows nothing of them. On PostgreSQL it is 0.
func (o Options) Caches(url string) int64 {
	o.setDefaults()
	if isPostgres(url) {
		return 0
	}
	return o.shared(writerCache<<10) + int64(o.Read+o.LookUp+1)*o.shared(readerCache<<10)
}

// shared returns the share of a cache that the memory allows: all caches together take a quarter of it at most.
func (o Options) shared(cache int64) int64 {
	all := int64(writerCache+(o.Read+o.LookUp+1)*readerCache) << 10
	if o.Memory == 0 || o.Memory/4 >= all {
		return cache
	}
	return cache * (o.Memory / 4 >> 10) / (all >> 10)
}

// cacheSize is the pragma for a cache of so many KiB at most.
func (o Options) cacheSize(most int64) pragma {
	size := fmt.Sprint(-(o.shared(most<<10) >> 10))
	return pragma{"cache_size", size, size}
}

// readerPragmas are those of a reader.
func (o Options) readerPragmas() []pragma {
	return []pragma{{"query_only", "1", "1"}, o.cacheSize(readerCache)}
}

// writerPragmas leave the log to our own checkpoints until it has 128 MiB.
func (o Options) writerPragmas() []pragma {
	return []pragma{o.cacheSize(writerCache), {"wal_autocheckpoint", "32000", "32000"}}
}

// openSQLite opens one connection that writes and several that only read. SQLite allows one writer at a time: with more
// of them, transactions would fail while they wait for each other instead of queueing here.
func (o Options) openSQLite(ctx context.Context, path string) (_ *DB, err error) {
	if path, err = makeFile(path); err != nil {
		return nil, err
	}
	db := &DB{Dialect: SQLite, Clock: newClock(o.Wall, nil), path: path}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	writing := append(append(sqlitePragmas(), pragma{"query_only", "0", "0"}), o.writerPragmas()...)
	reading := append(sqlitePragmas(), o.readerPragmas()...)
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
	helper, err := unwrapped.sqlitePool(ctx, path, append(sqlitePragmas(), pragma{"query_only", "0", "0"}, o.cacheSize(readerCache)), "deferred", 1)
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

// makeFile creates an empty file at path, and its folder, unless they exist. It returns the path with all links
// resolved: SQLite and we name further files after it, which must be the same by whatever link it was opened. The
// write-ahead log gets the file's mode.
func makeFile(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") || strings.HasPrefix(path, "//") {
		return "", fmt.Errorf("%w; SQLite needs the path of a file", ErrURL)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the SQLite file: %w", err)
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
