package petitioning

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/text"
)

const (
	// documentLock is the key of PostgreSQL's advisory lock under which search documents are written again. It is
	// "docs" in ASCII.
	documentLock = 0x646f6373

	// So much is written again in a transaction, for which signatures may have to wait on SQLite.
	rewrittenAtOnce = 20
	rewrittenBytes  = 64 << 10

	rewritingTime = 250 * time.Millisecond // of each second
)

// index writes the terms by which searches find a petition.
func (t *tx) index(ctx context.Context, id uuid.UUID, c content) error {
	labels := make([]string, len(c.tags))
	for i, e := range c.tags {
		labels[i] = e.Label + " " + e.Key
	}
	_, err := t.sql.ExecContext(ctx, `INSERT INTO search_documents (petition_id, title, summary, body, tags, text_version)
 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (petition_id) DO UPDATE SET title = excluded.title, summary = excluded.summary,
 body = excluded.body, tags = excluded.tags, text_version = excluded.text_version`,
		id, text.SearchText(c.row.Title), text.SearchText(c.row.Summary), text.SearchText(c.row.Body),
		text.SearchText(strings.Join(labels, " ")), text.SearchTextVersion)
	if err != nil {
		return fmt.Errorf("indexing a petition: %w", err)
	}
	return nil
}

// rewriteDocuments writes the search documents again whose terms an earlier version has made, for a short time and a
// few in a transaction, on one replica at a time. It is called every second and finds none as a rule.
func (s *Service) rewriteDocuments(ctx context.Context) error {
	started := time.Now() //nolint:forbidigo // a length is measured, by the monotonic clock
	for time.Since(started) < rewritingTime {
		rewritten := 0
		err := s.inTx(ctx, func(t *tx) error {
			mine, err := database.TryLock(ctx, t.sql, s.db.Dialect, documentLock)
			if err == nil && mine {
				rewritten, err = t.rewriteSome(ctx, s.db.Dialect)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("writing search documents again: %w", err)
		}
		if rewritten == 0 {
			return nil
		}
	}
	return nil
}

// rewriteSome returns how many documents it has written.
func (t *tx) rewriteSome(ctx context.Context, d database.Dialect) (rewritten int, err error) {
	ids, err := staleDocuments(ctx, t.sql, d)
	if err != nil {
		return 0, err
	}
	// One at least, however long it is, or a long one would stop all others.
	for size := 0; rewritten < len(ids) && size < rewrittenBytes; rewritten++ {
		row, err := t.Petition.Get(ctx, ids[rewritten])
		if err != nil {
			return 0, err
		}
		tags, err := t.tags().Of(ctx, row.ID)
		if err != nil {
			return 0, err
		}
		if err := t.index(ctx, row.ID, content{row: *row, tags: tags}); err != nil {
			return 0, err
		}
		size += len(row.Body)
	}
	return rewritten, nil
}

// staleDocuments locks some documents of earlier versions, except those that an edit is writing, and returns their
// petitions. An edit that comes now waits, and writes the document after it was written from what was there before.
func staleDocuments(ctx context.Context, t *sql.Tx, d database.Dialect) ([]uuid.UUID, error) {
	query := fmt.Sprintf(`SELECT petition_id FROM search_documents WHERE text_version < $1 LIMIT %d`, rewrittenAtOnce)
	if d == database.Postgres { // on SQLite the transaction is alone
		query += ` FOR UPDATE SKIP LOCKED`
	}
	rows, err := t.QueryContext(ctx, query, text.SearchTextVersion)
	if err != nil {
		return nil, err
	}
	return database.IDs(rows)
}
