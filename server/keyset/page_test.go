package keyset

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPageArgsWindow(t *testing.T) {
	t.Parallel()
	a, b := "a", "b"
	both := Args{After: &a, Before: &b}
	tests := []struct {
		name string
		args Args
		want Window
	}{
		{"Default", Args{}, Window{Limit: 20}},
		{"First", Args{First: new(int(1))}, Window{Limit: 1}},
		{"Most", Args{First: new(int(100))}, Window{Limit: 100}},
		{"Last", Args{Last: new(int(7))}, Window{Limit: 7, Backward: true}},
		{"BoundsAlone", both, Window{Limit: 20, After: &a, Before: &b}},
		{"FirstBetween", Args{First: new(int(2)), After: &a, Before: &b}, Window{Limit: 2, After: &a, Before: &b}},
		{"LastBetween", Args{Last: new(int(2)), After: &a, Before: &b}, Window{Limit: 2, Backward: true, After: &a, Before: &b}},
		{"FromTheBeginning", Args{First: new(int(2)), After: new("")}, Window{Limit: 2}},
		{"FromTheEnd", Args{Last: new(int(2)), Before: new("")}, Window{Limit: 2, Backward: true}},
		{"BothBoundsEmpty", Args{After: new(""), Before: new("")}, Window{Limit: 20}},
		{"OneBoundEmpty", Args{First: new(int(2)), After: new(""), Before: &b}, Window{Limit: 2, Before: &b}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.args.Window(DefaultSize, MaxSize)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Fetch() != tt.want.Limit+1 {
				t.Errorf("fetch() = %d, want one more than %d", got.Fetch(), tt.want.Limit)
			}
		})
	}
}

func TestPageArgsWindowRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		args              Args
		argument, message string
	}{
		{"FirstZero", Args{First: new(int(0))}, "first", "first must be between 1 and 100."},
		{"FirstNegative", Args{First: new(int(-1))}, "first", "first must be between 1 and 100."},
		{"FirstTooMany", Args{First: new(int(101))}, "first", "first must be between 1 and 100."},
		{"LastZero", Args{Last: new(int(0))}, "last", "last must be between 1 and 100."},
		{"LastTooMany", Args{Last: new(int(math.MaxInt32))}, "last", "last must be between 1 and 100."},
		{"Both", Args{First: new(int(1)), Last: new(int(1))}, "last", "Give either first or last, not both."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, err := tt.args.Window(DefaultSize, MaxSize)
			var fault *ArgumentError
			if !errors.As(err, &fault) || w != (Window{}) {
				t.Fatalf("got %v and %v, want an ArgumentError", w, err)
			}
			if diff := cmp.Diff([]string{tt.argument, tt.message}, []string{fault.Argument, err.Error()}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWindowBounds(t *testing.T) {
	t.Parallel()
	c := testCodec()
	at := Cursor{Keys: []Key{Int(7)}}
	good, foreign := c.Encode("list", at), c.Encode("another list", at)
	tests := []struct {
		name          string
		after, before *string
		fault         string
	}{
		{"None", nil, nil, ""},
		{"After", &good, nil, ""},
		{"Before", nil, &good, ""},
		{"ErrAfter", &foreign, &good, "after"},
		{"ErrBefore", &good, new(""), "before"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			after, before, err := Window{After: tt.after, Before: tt.before}.Bounds(c, "list")
			var fault *ArgumentError
			if errors.As(err, &fault) != (tt.fault != "") || fault != nil && (fault.Argument != tt.fault || !errors.Is(err, errBadCursor)) {
				t.Fatalf("got the error %v, want a fault of %q", err, tt.fault)
			}
			if tt.fault == "" && ((after != nil) != (tt.after != nil) || (before != nil) != (tt.before != nil)) {
				t.Errorf("got the bounds %v and %v", after, before)
			}
			if after != nil && cmp.Diff(at, *after, sameCursor) != "" {
				t.Errorf("after is %v, want %v", *after, at)
			}
		})
	}
}

func TestCutPage(t *testing.T) {
	t.Parallel()
	x := "x"
	tests := []struct {
		name string
		rows []int
		w    Window
		want string
	}{
		{"Empty", nil, Window{Limit: 2}, "[] next:false previous:false"},
		{"EmptyAfter", nil, Window{Limit: 2, After: &x}, "[] next:false previous:true"},
		{"Exact", []int{1, 2}, Window{Limit: 2}, "[1 2] 1..2 next:false previous:false"},
		{"More", []int{1, 2, 3}, Window{Limit: 2}, "[1 2] 1..2 next:true previous:false"},
		{"MoreAfter", []int{4, 5, 6}, Window{Limit: 2, After: &x}, "[4 5] 4..5 next:true previous:true"},
		{"BoundedByBefore", []int{4, 5}, Window{Limit: 2, Before: &x}, "[4 5] 4..5 next:true previous:false"},
		{"MoreBefore", []int{4, 5, 6}, Window{Limit: 2, Before: &x}, "[4 5] 4..5 next:true previous:false"},
		{"Between", []int{4, 5}, Window{Limit: 2, After: &x, Before: &x}, "[4 5] 4..5 next:true previous:true"},
		{"EmptyBetween", nil, Window{Limit: 2, After: &x, Before: &x}, "[] next:true previous:true"},
		{"Backward", []int{9, 8, 7}, Window{Limit: 2, Backward: true}, "[8 9] 8..9 next:false previous:true"},
		{"BackwardBefore", []int{3}, Window{Limit: 2, Backward: true, Before: &x}, "[3] 3..3 next:true previous:false"},
		{"BackwardAfter", []int{9, 8}, Window{Limit: 2, Backward: true, After: &x}, "[8 9] 8..9 next:false previous:true"},
		{"BackwardMoreAfter", []int{9, 8, 7}, Window{Limit: 2, Backward: true, After: &x}, "[8 9] 8..9 next:false previous:true"},
		{"BackwardBetween", []int{9, 8}, Window{Limit: 2, Backward: true, After: &x, Before: &x}, "[8 9] 8..9 next:true previous:true"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			edges, info := Cut(tt.rows, tt.w, strconv.Itoa)
			if diff := cmp.Diff(tt.want, describePage(edges, info)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func describePage(edges []Edge[int], info PageInfo) string {
	nodes := make([]int, len(edges))
	for i, edge := range edges {
		nodes[i] = edge.Node
	}
	ends := ""
	if info.StartCursor() != nil && info.EndCursor() != nil {
		ends = " " + *info.StartCursor() + ".." + *info.EndCursor()
	}
	return fmt.Sprintf("%v%s next:%v previous:%v", nodes, ends, info.HasNextPage, info.HasPreviousPage)
}

// model is a list of distinct numbers with the reads that a database does.
type model []int

// read returns what a keyset query would: the rows between the bounds, from the
// end when backward, at most as many as asked for.
func (m model) read(w Window) []int {
	rows := slices.Clone(m)
	if w.After != nil {
		after, _ := strconv.Atoi(*w.After)
		rows = rows[slices.Index(rows, after)+1:]
	}
	if w.Before != nil {
		before, _ := strconv.Atoi(*w.Before)
		rows = rows[:slices.Index(rows, before)]
	}
	if w.Backward {
		slices.Reverse(rows)
	}
	return rows[:min(len(rows), w.Fetch())]
}

func TestWalkingGivesEveryRowOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := model(rapid.SliceOfNDistinct(rapid.Int(), 0, 40, rapid.ID[int]).Draw(t, "list"))
		size := int(rapid.IntRange(1, 12).Draw(t, "size"))
		var forward, backward []int
		for args := (Args{First: &size}); ; {
			edges, info := readPage(t, list, args)
			forward = append(forward, nodesOf(edges)...)
			if args.After = info.EndCursor(); !info.HasNextPage {
				break
			}
		}
		for args := (Args{Last: &size}); ; {
			edges, info := readPage(t, list, args)
			backward = append(nodesOf(edges), backward...)
			if args.Before = info.StartCursor(); !info.HasPreviousPage {
				break
			}
		}
		if !slices.Equal(forward, list) || !slices.Equal(backward, list) {
			t.Fatalf("list %v, forward %v, backward %v", list, forward, backward)
		}
	})
}

// TestPagesTellTheirNeighbours walks forward and steps back once from every
// page: what lies before a page is the page before it.
func TestPagesTellTheirNeighbours(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := model(rapid.SliceOfNDistinct(rapid.Int(), 1, 30, rapid.ID[int]).Draw(t, "list"))
		size := int(rapid.IntRange(1, 10).Draw(t, "size"))
		var previous []int
		for args := (Args{First: &size}); ; {
			edges, info := readPage(t, list, args)
			if info.HasPreviousPage != (previous != nil) {
				t.Fatalf("page %v says previous: %v, but before it is %v", nodesOf(edges), info.HasPreviousPage, previous)
			}
			back, backInfo := readPage(t, list, Args{Last: &size, Before: info.StartCursor()})
			if !slices.Equal(nodesOf(back), previous) || !backInfo.HasNextPage {
				t.Fatalf("one page back from %v is %v, want %v", nodesOf(edges), nodesOf(back), previous)
			}
			if previous, args.After = nodesOf(edges), info.EndCursor(); !info.HasNextPage {
				return
			}
		}
	})
}

// TestPagesBetweenBounds reads a page between any two rows, either way, and compares what it says about its neighbours
// with the list.
func TestPagesBetweenBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := model(rapid.SliceOfNDistinct(rapid.Int(), 2, 20, rapid.ID[int]).Draw(t, "list"))
		size := int(rapid.IntRange(1, 6).Draw(t, "size"))
		args := Args{First: &size}
		if rapid.Bool().Draw(t, "backward") {
			args = Args{Last: &size}
		}
		from, to := -1, len(list) // the rows at the bounds
		if rapid.Bool().Draw(t, "after") {
			from = rapid.IntRange(0, len(list)-2).Draw(t, "from")
			args.After = new(strconv.Itoa(list[from]))
		}
		if rapid.Bool().Draw(t, "before") {
			to = rapid.IntRange(from+1, len(list)-1).Draw(t, "to")
			args.Before = new(strconv.Itoa(list[to]))
		}
		edges, info := readPage(t, list, args)
		first, behind := from+1, min(from+1+size, to) // where the page begins, and what follows it
		if args.Last != nil {
			first, behind = max(to-size, from+1), to
		}
		if !slices.Equal(nodesOf(edges), list[first:behind]) {
			t.Fatalf("the page is %v, want %v", nodesOf(edges), list[first:behind])
		}
		if info.HasPreviousPage != (first > 0) || info.HasNextPage != (behind < len(list)) {
			t.Fatalf("rows %d to %d of %d: next %v, previous %v", first, behind, len(list), info.HasNextPage, info.HasPreviousPage)
		}
	})
}

func readPage(t *rapid.T, list model, args Args) ([]Edge[int], PageInfo) {
	w, err := args.Window(DefaultSize, MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	edges, info := Cut(list.read(w), w, strconv.Itoa)
	if len(edges) > w.Limit || (len(edges) == 0) != (info.StartCursor() == nil) {
		t.Fatalf("a page of at most %d rows has %s", w.Limit, strings.TrimSpace(describePage(edges, info)))
	}
	return edges, info
}

func nodesOf(edges []Edge[int]) []int {
	var nodes []int
	for _, edge := range edges {
		nodes = append(nodes, edge.Node)
	}
	return nodes
}
