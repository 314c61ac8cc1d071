package database

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
)

// wholeRows are rows that have all arrived. Where a connection can be lost, a statement outside of a transaction has
// no rows before it has all of them, so that it may be run again: nobody has seen half of an answer. Lists here are
// pages, and who reads them keeps the whole page anyway.
type wholeRows struct {
	driver.Rows
	width  int
	values []driver.Value // row after row
}

// readWhole reads rows to their end.
func readWhole(rows driver.Rows) (driver.Rows, error) {
	w := &wholeRows{Rows: rows, width: len(rows.Columns())}
	if w.width == 0 { // there is nothing to keep
		return rows, nil
	}
	for {
		n := len(w.values)
		w.values = slices.Grow(w.values, w.width)[:n+w.width]
		row := w.values[n:]
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			w.values = w.values[:n]
			return w, nil
		} else if err != nil {
			_ = rows.Close() // it could only repeat the error
			return nil, err
		}
		for i, v := range row {
			if b, ok := v.([]byte); ok { // the driver's own until the next row
				row[i] = bytes.Clone(b)
			}
		}
	}
}

// Next gives the next row.
func (w *wholeRows) Next(row []driver.Value) error {
	if len(w.values) == 0 {
		return io.EOF
	}
	w.values = w.values[copy(row, w.values[:w.width]):]
	return nil
}

// ColumnTypeDatabaseTypeName names the type of a column, where the driver knows it.
func (w *wholeRows) ColumnTypeDatabaseTypeName(index int) string {
	if typed, ok := w.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return typed.ColumnTypeDatabaseTypeName(index)
	}
	return ""
}
