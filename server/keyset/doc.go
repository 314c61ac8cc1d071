// Package keyset implements Relay's pagination with keyset cursors: it checks the arguments of a page, encodes and
// decodes cursors, returns the SQL for reading from a cursor on, and turns the rows that were read into a page. It
// knows no table.
package keyset
