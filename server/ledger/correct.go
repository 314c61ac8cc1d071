package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/ledger/sums"
)

// Counted are the numbers of a counter as somebody has counted them from the rows, under its lock.
type Counted struct {
	Total, Pending, Named             int
	Issued                            int // the last number that was found
	Threads, Comments, CommentsIssued int
	Trending                          float64
}

// SumUp sums up the signatures of the petition that are in no sum yet.
func (l Locked) SumUp(ctx context.Context, q Querier) error {
	return sums.SumUp(ctx, q, l.dialect, []uuid.UUID{l.counter.petition})
}

// Correct writes what was counted, and returns what there is to publish.
func (l Locked) Correct(ctx context.Context, q Querier, counted Counted, now time.Time) (figures.Value, error) {
	c := l.counter
	// The version belongs to the count alone. A time that lies ahead is replaced with a new version, too, or those who
	// hold the old one would take it for the newer.
	if c.total != counted.Total || database.Ahead(c.asOf, now) > 0 {
		c.version++
		c.asOf = c.timeAt(now)
	}
	c.total, c.named, c.threads, c.comments = counted.Total, counted.Named, counted.Threads, counted.Comments
	c.trending, c.pending = counted.Trending, counted.Pending
	// A number that was given is never lowered: the last one may have been withdrawn.
	c.issued, c.commentsIssued = max(c.issued, counted.Issued), max(c.commentsIssued, counted.CommentsIssued)
	_, err := q.ExecContext(ctx, `UPDATE counters SET total = $2, issued = $3, version = $4, as_of = $5, named = $6, threads = $7,
 comments = $8, comments_issued = $9, trending = $10, pending = $11 WHERE petition_id = $1`, c.petition, c.total, c.issued,
		c.version, c.asOf, c.named, c.threads, c.comments, c.commentsIssued, c.trending, c.pending)
	if err != nil {
		return figures.Value{}, fmt.Errorf("correcting a counter: %w", err)
	}
	value, err := readCounts(ctx, q, c, now)
	value.Comment = c.commentsIssued // the numbers of comments may have been corrected, too
	return value, err
}
