package database

import (
	"context"
	"database/sql/driver"
	"io/fs"
	"time"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// MigrateTo applies the migrations in files up to version.
func (db *DB) MigrateTo(ctx context.Context, files fs.FS, version int64) ([]Migration, error) {
	return db.migrateTo(ctx, files, version)
}

// Migrations returns the files of the database's kind.
func (db *DB) Migrations() fs.FS { return db.migrations() }

// IsRefusal reports whether err is a sure answer to COMMIT that nothing was written.
func IsRefusal(err error) bool { return isRefusal(err) }

// AnswerLimit returns the longest that a session with settings may keep its client waiting.
func AnswerLimit(settings map[string]string) (time.Duration, error) { return answerLimit(settings) }

// NewClock makes a clock that has nothing to compare with. A nil elapsed is the monotonic clock.
func NewClock(wall func() time.Time, elapsed func() time.Duration) *Clock {
	return newClock(wall, elapsed)
}

// Compare corrects the clock, as Run does.
func (c *Clock) Compare(ctx context.Context) error { return c.compare(ctx) }

// Adjust corrects the clock by a reading of the database's.
func (c *Clock) Adjust(theirs time.Time, sent, received time.Duration) {
	c.adjust(theirs, sent, received)
}

// LargestBuffer is the bound of BufferSize.
const LargestBuffer = largestBuffer

// BufferSize takes a list that rows arrive in from those kept, and returns how many values it has room for.
func BufferSize() int {
	return cap(*buffers.Get().(*[]driver.Value))
}

// SQLiteUsed returns how many bytes SQLite has allocated in this process.
func SQLiteUsed() int64 {
	tls := libc.NewTLS()
	defer tls.Close()
	return sqlite3.Xsqlite3_memory_used(tls)
}
