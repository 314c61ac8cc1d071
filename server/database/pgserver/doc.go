// Package pgserver runs a PostgreSQL of one's own for tests, benchmarks and drafts of migrations: found on
// the machine or taken from npm, started as an ordinary user on a socket in a temporary folder, and gone
// with the process that started it, however that ends.
//
// It knows nothing of what is done with the server, and the program itself never imports it.
package pgserver
