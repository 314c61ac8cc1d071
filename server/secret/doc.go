// Package secret owns the program's keys: a random root in a file outside the database, and keys derived from it,
// separate ones for each purpose, so that what one purpose reveals is of no use against another.
//
// With these keys it makes digests (equal inputs have equal digests, which cannot be reversed), seals values that must
// be read again, and derives tokens that can be returned a second time without being stored. It knows nothing of
// petitions, rows or requests. It never prints a key and never puts a value into an error.
package secret
