// Package secret owns the keys of the program: one random root, kept in a file outside the database, and
// one key for each purpose derived from it, so that what one purpose gives away helps nobody with another.
//
// With them it makes digests (equal input, equal digest; no way back), seals values that must be read
// again, and derives tokens that can be said a second time without being stored. It knows nothing of
// petitions, rows or requests, prints no key and puts no value into an error.
package secret
