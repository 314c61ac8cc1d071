package petitioning

import (
	"fmt"
	"slices"
)

const (
	pageDefault = 20
	pageMax     = 100
)

// PageArgs are the arguments of a list: first and after page forwards, last
// and before backwards. The other bound may stand beside either.
type PageArgs struct {
	First, Last   *int
	After, Before *string
}

// Edge is a row of a page and the place where it stands.
type Edge[N any] struct {
	Node  N
	place func() string
}

// Cursor gives the place, sealed: which is done only for those who ask.
func (e Edge[N]) Cursor() string { return e.place() }

// PageInfo says what lies beyond a page.
type PageInfo struct {
	HasNextPage, HasPreviousPage bool

	start, end func() string // nil on an empty page
}

// StartCursor gives the place of the first row, or nil where there is none.
func (p PageInfo) StartCursor() *string { return placeOf(p.start) }

// EndCursor gives the place of the last row, or nil where there is none.
func (p PageInfo) EndCursor() *string { return placeOf(p.end) }

func placeOf(row func() string) *string {
	if row == nil {
		return nil
	}
	place := row()
	return &place
}

// ArgumentError is a fault in one argument of a read, such as first or after.
type ArgumentError struct {
	Argument string // as the API names it
	Message  string // a sentence for people
	cause    error
}

// Error gives the sentence for people.
func (e *ArgumentError) Error() string { return e.Message }

// Unwrap gives the cause, where there is one.
func (e *ArgumentError) Unwrap() error { return e.cause }

// window is a checked PageArgs: at most Limit rows between two bounds, from
// the end when Backward.
type window struct {
	Limit         int
	Backward      bool
	After, Before *string
}

// window checks the arguments; without first and last it is the first page of
// the default size.
func (a PageArgs) window(defaultSize, maxSize int) (window, error) {
	w := window{Limit: defaultSize, After: a.After, Before: a.Before}
	argument, size := "first", a.First
	if a.Last != nil {
		if a.First != nil {
			return window{}, &ArgumentError{Argument: "last", Message: "Give either first or last, not both."}
		}
		argument, size, w.Backward = "last", a.Last, true
	}
	if size == nil {
		return w, nil
	}
	if *size < 1 || *size > maxSize {
		return window{}, &ArgumentError{Argument: argument, Message: fmt.Sprintf("%s must be between 1 and %d.", argument, maxSize)}
	}
	w.Limit = *size
	return w, nil
}

// fetch is the number of rows to read: the one beyond the page tells whether
// there is another page, so that nothing needs counting.
func (w window) fetch() int { return w.Limit + 1 }

// bounds decodes the cursors of a window for the list that is read; an absent
// bound is nil.
func (w window) bounds(codec cursorCodec, list string) (after, before *cursor, err error) {
	if after, err = decodeBound(codec, list, "after", w.After); err != nil {
		return nil, nil, err
	}
	if before, err = decodeBound(codec, list, "before", w.Before); err != nil {
		return nil, nil, err
	}
	return after, before, nil
}

func decodeBound(codec cursorCodec, list, argument string, s *string) (*cursor, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // an absent bound is no fault
	}
	at, err := codec.decode(list, *s)
	if err != nil {
		message := argument + " is no cursor of this list; take one from the same list with the same filter and order."
		return nil, &ArgumentError{Argument: argument, Message: message, cause: err}
	}
	return &at, nil
}

// cutPage makes a page of the rows that were read: up to w.fetch of them, in
// the order of reading, which for a backward window runs against the list.
// The edges come in the order of the list.
func cutPage[N any](rows []N, w window, place func(N) string) ([]Edge[N], PageInfo) {
	more := len(rows) > w.Limit
	if more {
		rows = rows[:w.Limit]
	}
	edges := make([]Edge[N], len(rows))
	for i, row := range rows {
		edges[i] = Edge[N]{Node: row, place: func() string { return place(row) }}
	}
	// A bound was a row of the list, so something lies beyond it.
	info := PageInfo{HasNextPage: more, HasPreviousPage: w.After != nil}
	if w.Backward {
		slices.Reverse(edges)
		info = PageInfo{HasNextPage: w.Before != nil, HasPreviousPage: more}
	}
	if len(edges) > 0 {
		info.start, info.end = edges[0].place, edges[len(edges)-1].place
	}
	return edges, info
}
