package database

import (
	"context"
	"io/fs"
	"time"
)

// MigrateTo applies the migrations in files up to version.
func (db *DB) MigrateTo(ctx context.Context, files fs.FS, version int64) ([]Migration, error) {
	return db.migrateTo(ctx, files, version)
}

// Migrations gives the files of the database's kind.
func (db *DB) Migrations() fs.FS { return db.migrations() }

// IsRefusal says whether err is a sure answer to COMMIT that nothing was written.
func IsRefusal(err error) bool { return isRefusal(err) }

// AnswerLimit gives the longest that a session with settings may keep its client waiting.
func AnswerLimit(settings map[string]string) (time.Duration, error) { return answerLimit(settings) }

// NewClock makes a clock that has nothing to compare with. A nil elapsed is the monotonic clock.
func NewClock(wall func() time.Time, elapsed func() time.Duration) *Clock {
	return newClock(wall, elapsed)
}

// Compare finds out what time it is, as Run does.
func (c *Clock) Compare(ctx context.Context) error { return c.compare(ctx) }

// Hear takes the time that the database read between two moments.
func (c *Clock) Hear(told time.Time, sent, received time.Duration) { c.hear(told, sent, received) }
