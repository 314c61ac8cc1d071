// Package dbtest provides tests with real databases on SQLite and PostgreSQL: migrated, empty, and one for each test.
//
// PostgreSQL is the server at PETITION_TEST_DATABASE_URL, else one that the process starts itself (see pgserver). If
// there is none the tests fail, unless PETITION_TEST_POSTGRES=off is set by hand: a test must not be skipped unnoticed.
// The schema is migrated once per process and cloned for each test, which is much faster than migrating it each time.
package dbtest
