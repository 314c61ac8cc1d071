package keyset

import (
	"fmt"
	"slices"
)

// The rows of a page: so many without first and last, and at most so many with them.
const (
	DefaultSize = 20
	MaxSize     = 100
)

// Args are the arguments of a list: first and after page forwards, last
// and before backwards. The other bound may stand beside either.
type Args struct {
	First, Last   *int
	After, Before *string
}

// At returns the edge of another node at the place of e.
func At[N, M any](e Edge[M], node N) Edge[N] { return Edge[N]{Node: node, place: e.place} }

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

// Window is a checked Args: at most Limit rows between two bounds, from
// the end when Backward.
type Window struct {
	Limit         int
	Backward      bool
	After, Before *string
}

// Window checks the arguments; without first and last it is the first page of
// the default size.
func (a Args) Window(defaultSize, maxSize int) (Window, error) {
	w := Window{Limit: defaultSize, After: a.After, Before: a.Before}
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

// Fetch is the number of rows to read: the one beyond the page tells whether
// there is another page, so that nothing needs counting.
func (w Window) Fetch() int { return w.Limit + 1 }

// Bounds decodes the cursors of a window for the list that is read; an absent
// bound is nil.
func (w Window) Bounds(codec Codec, list string) (after, before *Cursor, err error) {
	if after, err = decodeBound(codec, list, "after", w.After); err != nil {
		return nil, nil, err
	}
	if before, err = decodeBound(codec, list, "before", w.Before); err != nil {
		return nil, nil, err
	}
	return after, before, nil
}

func decodeBound(codec Codec, list, argument string, s *string) (*Cursor, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // an absent bound is no fault
	}
	at, err := codec.Decode(list, *s)
	if err != nil {
		message := argument + " is no cursor of this list; take one from the same list with the same filter and order."
		return nil, &ArgumentError{Argument: argument, Message: message, cause: err}
	}
	return &at, nil
}

// Cut makes a page of the rows that were read: up to w.fetch of them, in
// the order of reading, which for a backward window runs against the list.
// The edges come in the order of the list.
func Cut[N any](rows []N, w Window, place func(N) string) ([]Edge[N], PageInfo) {
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
