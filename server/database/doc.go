// Package database owns the way to SQLite and PostgreSQL: it opens their pools with the settings that the
// promises of the program rest on, brings the schema up to date, runs transactions, tells errors apart by
// their codes and is the one clock.
//
// It must know nothing of petitions: statements belong to who means something by them. SQL is written with
// the placeholders $1, $2, … for both databases.
package database
