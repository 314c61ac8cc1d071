package keyset

import (
	"fmt"
	"slices"
)

// How many rows a page has without first and last, and how many at most.
const (
	DefaultSize = 20
	MaxSize     = 100
)

// Args are the arguments of a list: first and after page forwards, last and before backwards. Both bounds may be given
// with either. An empty bound is none: clients that cannot leave out a string send it for the beginning and the end.
type Args struct {
	First, Last   *int
	After, Before *string
}

// At returns an edge for another node, with the cursor of e.
func At[N, M any](e Edge[M], node N) Edge[N] { return Edge[N]{Node: node, place: e.place} }

// Edge is a row of a page with its position.
type Edge[N any] struct {
	Node  N
	place func() string
}

// Cursor returns the place, sealed: this is done only for those who ask.
func (e Edge[N]) Cursor() string { return e.place() }

// PageInfo says what lies beyond a page.
type PageInfo struct {
	HasNextPage, HasPreviousPage bool

	start, end func() string // nil on an empty page
}

// StartCursor returns the place of the first row, or nil where there is none.
func (p PageInfo) StartCursor() *string { return placeOf(p.start) }

// EndCursor returns the place of the last row, or nil where there is none.
func (p PageInfo) EndCursor() *string { return placeOf(p.end) }

// placeOf returns the cursor of a row, or nil for none.
func placeOf(row func() string) *string {
	if row == nil {
		return nil
	}
	place := row()
	return &place
}

// ArgumentError is an error in one argument of a list, such as first or after.
type ArgumentError struct {
	Argument string // its name in the API
	Message  string // a sentence for people
	cause    error
}

// Error returns the sentence for people.
func (e *ArgumentError) Error() string { return e.Message }

// Unwrap returns the cause, where there is one.
func (e *ArgumentError) Unwrap() error { return e.cause }

// Window is a checked Args: at most Limit rows between two bounds, the last ones if Backward.
type Window struct {
	Limit         int
	Backward      bool
	After, Before *string
}

// Window checks the arguments. Without first and last it returns the first page of the default size.
func (a Args) Window(defaultSize, maxSize int) (Window, error) {
	w := Window{Limit: defaultSize, After: bound(a.After), Before: bound(a.Before)}
	// With either argument a page may have both bounds; which one it is counted from depends on the argument.
	argument, size := "first", a.First
	if a.Last != nil {
		if a.First != nil {
			return Window{}, &ArgumentError{Argument: "last", Message: "Give either first or last, not both."}
		}
		argument, size, w.Backward = "last", a.Last, true
	}
	if size == nil {
		return w, nil
	}
	if *size < 1 || *size > maxSize {
		return Window{}, &ArgumentError{Argument: argument, Message: fmt.Sprintf("%s must be between 1 and %d.", argument, maxSize)}
	}
	w.Limit = *size
	return w, nil
}

// bound returns a bound, or nil if it is empty.
func bound(cursor *string) *string {
	if cursor != nil && *cursor == "" {
		return nil
	}
	return cursor
}

// Fetch returns how many rows to read: one more than the page has, which shows whether there is another page without
// counting.
func (w Window) Fetch() int { return w.Limit + 1 }

// Bounds decodes the cursors of a window for a list. An absent bound is nil.
func (w Window) Bounds(codec Codec, list string) (after, before *Cursor, err error) {
	if after, err = decodeBound(codec, list, "after", w.After); err != nil {
		return nil, nil, err
	}
	if before, err = decodeBound(codec, list, "before", w.Before); err != nil {
		return nil, nil, err
	}
	return after, before, nil
}

// decodeBound decodes the cursor in an argument. Its error says what to do, and not what is wrong with the cursor.
func decodeBound(codec Codec, list, argument string, s *string) (*Cursor, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // an absent bound is no fault
	}
	at, err := codec.Decode(list, *s)
	if err != nil {
		message := argument + " is not a cursor of this list; take one from the same list with the same filter and order."
		return nil, &ArgumentError{Argument: argument, Message: message, cause: err}
	}
	return &at, nil
}

// Cut makes a page of up to w.Fetch() rows, in the order in which By has them read. The edges are in the order of the
// list.
func Cut[N any](rows []N, w Window, place func(N) string) ([]Edge[N], PageInfo) {
	more := len(rows) > w.Limit
	if more {
		rows = rows[:w.Limit]
	}
	edges := make([]Edge[N], len(rows))
	for i, row := range rows {
		edges[i] = Edge[N]{Node: row, place: func() string { return place(row) }}
	}
	// A bound is the position of a row of the list, so there is a row beyond the page, on whichever side it is. The row
	// that was read in excess is on the side to which the page was read.
	info := PageInfo{HasNextPage: w.Before != nil, HasPreviousPage: w.After != nil}
	if w.Backward {
		slices.Reverse(edges)
		info.HasPreviousPage = info.HasPreviousPage || more
	} else {
		info.HasNextPage = info.HasNextPage || more
	}
	if len(edges) > 0 {
		info.start, info.end = edges[0].place, edges[len(edges)-1].place
	}
	return edges, info
}
