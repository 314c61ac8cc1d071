package reading

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"petitiond/server/database"
	"petitiond/server/reading/visibility"
)

const countedMost = 10_000 // a greater total is not worth its cost

// counted returns a function that counts the rows of a SELECT in one statement, which stops early if they are too many.
func (s *Service) counted(seen visibility.Seen, rows string, args database.Args) func(context.Context) (*int, error) {
	return func(ctx context.Context) (*int, error) {
		n := 0
		text := size(rows, countedMost)
		err := s.source.Each(ctx, seen.Statement(text, args), func(rows *sql.Rows) error { return rows.Scan(&n) })
		if err != nil {
			return nil, fmt.Errorf("counting a list: %w", err)
		}
		if n > countedMost {
			return nil, nil //nolint:nilnil // the contract's null: too many to count
		}
		return &n, nil
	}
}

// counting returns a function that counts a list. For counting it pays to read more petitions than for a page.
func (s *Reader) counting(c conditions) func(context.Context) (*int, error) {
	return func(ctx context.Context) (*int, error) {
		ctx, end := database.InOneTurn(ctx)
		defer end()
		// With one narrowing, counting among those that meet it is the way to find out how many they are.
		if len(c.narrow) == 1 && len(c.states) > 0 {
			// Sizing it first would read the same petitions twice.
			n, all, err := s.countAmong(ctx, c)
			if err != nil || all {
				return n, err
			}
			return s.countIn(ctx, c, c.asked(-1, s.source.Dialect()))
		}
		from, err := s.chooseAmong(ctx, c, s.opt.Sizes.Counted)
		if err != nil {
			return nil, err
		}
		return s.countIn(ctx, c, from)
	}
}

// countIn counts the petitions of a source.
func (s *Reader) countIn(ctx context.Context, c conditions, from source) (*int, error) {
	return s.counted(c.seen, from.rows(c), from.args)(ctx)
}

// countAmong counts a list among the first petitions that meet its only narrowing, and reports whether that is the
// total. If most petitions meet it, more than are counted are soon found; if few do, these are all.
func (s *Reader) countAmong(ctx context.Context, c conditions) (total *int, all bool, err error) {
	n, most := c.narrow[0], s.opt.Sizes.Counted
	c.narrow = []narrowing{{
		set:   func(args *database.Args) string { return n.set(args) + ` LIMIT ` + strconv.Itoa(most+1) },
		probe: n.probe, // for the viewer's own petitions
	}}
	early := c.asked(0, s.source.Dialect())
	var found, met int
	// One statement for both numbers. The second is asked only where the first is no answer yet.
	query := fmt.Sprintf(`SELECT found, CASE WHEN found > %d THEN 0 ELSE (%s) END FROM (%s) AS early`,
		countedMost, size(n.set(&early.args), most),
		size(early.rows(c), countedMost))
	err = s.source.Each(ctx, c.seen.Statement(query, early.args), func(rows *sql.Rows) error { return rows.Scan(&found, &met) })
	if err != nil {
		return nil, false, fmt.Errorf("counting a list: %w", err)
	}
	if found > countedMost {
		return nil, true, nil
	}
	return &found, met <= most, nil
}

// size counts the rows of a statement, as found; it stops above most, and so returns one more than most for any number
// beyond.
func size(of string, most int) string {
	return fmt.Sprintf(`SELECT COUNT(*) AS found FROM (%s LIMIT %d) AS met`, of, most+1)
}
