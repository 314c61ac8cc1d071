package petitioning

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/petitioning/tagging"
	"petitiond/server/text"
)

const (
	// documentLock is the key of PostgreSQL's advisory lock under which search documents are written again. It is
	// "docs" in ASCII.
	documentLock = 0x646f6373

	// A longer text is indexed a moment after the commit: for as long as indexing takes nobody else may write on SQLite.
	indexedAtOnce = 8 << 10 // bytes

	// So much is written again in a transaction, for which signatures may have to wait on SQLite.
	rewrittenAtOnce = 20
	rewrittenBytes  = 16 << 10
)

// document holds the terms by which searches find a petition.
type document struct {
	petition                   uuid.UUID
	version                    int // of the petition whose text it is
	title, summary, body, tags string
	later                      bool // the terms of the body are still to be made
}

// newDocument makes the terms, those of a long body only if all are to be there: that may take a tenth of a second.
func newDocument(id uuid.UUID, c content, all bool) document {
	labels := make([]string, len(c.tags))
	for i, e := range c.tags {
		labels[i] = e.Label + " " + e.Key
	}
	d := document{
		petition: id, version: c.row.Version, later: !all && len(c.row.Body) > indexedAtOnce,
		title: text.SearchText(c.row.Title), summary: text.SearchText(c.row.Summary), tags: text.SearchText(strings.Join(labels, " ")),
	}
	if !d.later {
		d.body = text.SearchText(c.row.Body)
	}
	return d
}

// index writes the terms by which searches find a petition. Those of a long body follow within seconds; until then an
// edited petition is found by the former ones.
func (t *tx) index(ctx context.Context, id uuid.UUID, c content) error {
	return t.write(ctx, newDocument(id, c, false))
}

// write stores the terms. Those of a body that are to follow leave the former ones, by which the petition is found
// until then.
func (t *tx) write(ctx context.Context, d document) error {
	version := text.SearchTextVersion
	if d.later {
		version = 0 // so that it is found by IndexTexts
	}
	_, err := t.sql.ExecContext(ctx, `INSERT INTO search_documents (petition_id, title, summary, body, tags, text_version)
 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (petition_id) DO UPDATE SET title = excluded.title, summary = excluded.summary,
 body = CASE WHEN excluded.text_version = 0 THEN search_documents.body ELSE excluded.body END,
 tags = excluded.tags, text_version = excluded.text_version`, d.petition, d.title, d.summary, d.body, d.tags, version)
	if err != nil {
		return fmt.Errorf("indexing a petition: %w", err)
	}
	return nil
}

// rewriteSome writes some of the search documents whose terms are missing or were made by an earlier version, on one
// replica at a time.
func (s *Service) rewriteSome(ctx context.Context) (did bool, _ error) {
	stale, err := s.staleDocuments(ctx)
	if err != nil || len(stale) == 0 {
		return false, err
	}
	rewritten := 0
	err = s.inTx(ctx, func(t *tx) (err error) {
		rewritten, err = t.rewrite(ctx, s.db.Dialect, stale)
		return err
	})
	return rewritten > 0, err
}

// staleDocuments makes some of the documents that are to be written, outside of any transaction: of one petition at
// least, however long its text is, or it would stop all others.
func (s *Service) staleDocuments(ctx context.Context) (stale []document, err error) {
	rows, err := s.db.Newest().QueryContext(ctx,
		fmt.Sprintf(`SELECT petition_id FROM search_documents WHERE text_version < $1 LIMIT %d`, rewrittenAtOnce), text.SearchTextVersion)
	if err != nil {
		return nil, err
	}
	ids, err := database.IDs(rows)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, id := range ids {
		// Bounded by what was read so far, and not by what is to come: so even the longest text has its turn.
		if size >= rewrittenBytes {
			break
		}
		row, err := s.lookup.Petition.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		// Read after the row: if somebody changes tags in between the version has grown, and rewrite leaves it out.
		tags, err := tagging.Of(ctx, s.db.Newest(), id)
		if err != nil {
			return nil, err
		}
		stale = append(stale, newDocument(id, content{row: *row, tags: tags}, true))
		size += len(row.Body)
	}
	return stale, nil
}

// rewrite writes documents and returns how many. It leaves out those whose petition has another text by now, or is just
// being edited: they come in the next turn.
func (t *tx) rewrite(ctx context.Context, d database.Dialect, stale []document) (rewritten int, err error) {
	mine, err := database.TryLock(ctx, t.sql, d, documentLock)
	if err != nil || !mine {
		return 0, err
	}
	query := `SELECT p.version FROM petitions AS p JOIN search_documents AS d ON d.petition_id = p.id
 WHERE p.id = $1 AND d.text_version < $2`
	if d == database.Postgres { // on SQLite the transaction is alone
		query += ` FOR SHARE OF p SKIP LOCKED FOR UPDATE OF d SKIP LOCKED`
	}
	for _, one := range stale {
		version := 0
		err := t.sql.QueryRowContext(ctx, query, one.petition, text.SearchTextVersion).Scan(&version)
		if errors.Is(err, sql.ErrNoRows) || err == nil && version != one.version {
			continue
		}
		if err != nil {
			return 0, err
		}
		if err := t.write(ctx, one); err != nil {
			return 0, err
		}
		rewritten++
	}
	return rewritten, nil
}
