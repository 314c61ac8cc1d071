// Draft drafts the next migration for both databases: the statements that turn the schema that the existing migrations
// create into the one that ent/schema describes.
//
//	go run ./server/database/draftmigration -name add_reports
//
// The files are drafts: read them and comment them. On SQLite, write changes to a table as ALTER TABLE … ADD COLUMN,
// since a table that is recreated within the migration's transaction loses the rows that refer to it. What ent does not
// know (search, triggers, storage parameters) is written by hand, and later drafts leave it alone.
package main
