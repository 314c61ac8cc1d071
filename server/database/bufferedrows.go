package database

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"sync"
)

// bufferedRows are rows that have all arrived. On a connection that can be lost, a statement outside a transaction
// returns its first row only when all have arrived: until then nobody has seen any of the result, and the statement can
// be repeated. This costs little, since lists are pages here, and those who read them keep the whole page anyway.
type bufferedRows struct {
	driver.Rows
	width  int
	all    *[]driver.Value // row after row
	values []driver.Value  // those not yet read
}

// buffers are lists of values for rows to come.
var buffers = sync.Pool{New: func() any { return new([]driver.Value) }}

// largestBuffer is up to how many values a list may hold to be used again: a page of 100 petitions has half of it.
const largestBuffer = 4096

// bufferRows reads rows to their end and closes them if that fails.
func bufferRows(rows driver.Rows) (driver.Rows, error) {
	w := &bufferedRows{Rows: rows, width: len(rows.Columns())}
	if w.width == 0 { // a statement without a result
		return rows, nil
	}
	w.all = buffers.Get().(*[]driver.Value) //nolint:forcetypeassert // nothing else is in there
	for {
		n := len(*w.all)
		*w.all = slices.Grow(*w.all, w.width)[:n+w.width]
		row := (*w.all)[n:]
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			*w.all = (*w.all)[:n]
			w.values = *w.all
			return w, nil
		} else if err != nil {
			_ = rows.Close() // its error would be the same
			return nil, err
		}
		for i, v := range row {
			if b, ok := v.([]byte); ok { // the driver reuses it for the next row
				row[i] = bytes.Clone(b)
			}
		}
	}
}

// Close ends the reading.
func (w *bufferedRows) Close() error {
	if all := w.all; all != nil && cap(*all) <= largestBuffer {
		clear(*all)
		*all = (*all)[:0]
		buffers.Put(all)
	}
	w.all, w.values = nil, nil
	return w.Rows.Close()
}

// Next copies the next row.
func (w *bufferedRows) Next(row []driver.Value) error {
	if len(w.values) == 0 {
		return io.EOF
	}
	w.values = w.values[copy(row, w.values[:w.width]):]
	return nil
}

// ColumnTypeDatabaseTypeName returns the type of a column, if the driver knows it.
func (w *bufferedRows) ColumnTypeDatabaseTypeName(index int) string {
	if typed, ok := w.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return typed.ColumnTypeDatabaseTypeName(index)
	}
	return ""
}
