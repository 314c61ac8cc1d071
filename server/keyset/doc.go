// Package keyset pages through lists as Relay does: it checks the arguments of a page, seals and opens cursors, writes the
// conditions of a place within an order, and cuts the rows that were read to a page. It knows no table.
package keyset
