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
