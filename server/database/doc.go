// Package database owns access to SQLite and PostgreSQL. It opens their pools with the settings on which the program's
// promises rest, brings the schema up to date, runs transactions, tells errors apart by their codes, and owns the
// clock.
//
// It knows nothing of petitions: each statement belongs to the package that knows what it means. SQL is written with
// the placeholders $1, $2, … for both databases.
package database
