// Draft writes the next migration for both databases: what has to be done to what the migrations make so
// that it becomes what ent/schema describes.
//
//	go run ./server/database/draft -name add_reports
//
// The files are drafts. Read them, comment them, and on SQLite write changes to a table as ALTER TABLE …
// ADD COLUMN: a table that is made anew inside the migration's transaction loses the rows that refer to
// it. What ent does not know of (search, triggers, storage parameters) is written by hand and is left
// alone by later drafts.
package main
