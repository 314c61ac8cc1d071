// Package dbtest gives tests real databases: SQLite and PostgreSQL, migrated, empty, one for each test.
//
// PostgreSQL is the server at PETITION_TEST_DATABASE_URL, else one of the process's own (see pgserver).
// Where there is none the tests fail, unless PETITION_TEST_POSTGRES=off is set by hand. The schema is
// migrated once in each process and cloned for each test.
package dbtest
