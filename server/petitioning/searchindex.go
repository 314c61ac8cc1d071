package petitioning

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
)

const (
	indexingTime = 500 * time.Millisecond // of each second
	stepsTime    = 25 * time.Millisecond  // for steps of one kind, before the next kind has its turn

	// SQLite has one writer, for whom everybody who signs waits: it is given back after a few milliseconds.
	pieceBytes  = 16 << 10 // of terms, that are put into the index or taken out of it in one transaction
	mergedPages = 16       // of the index, likewise
)

// step does a little of what the search index has fallen behind with, in one transaction at most, and reports whether
// there was anything to do.
type step func(context.Context) (did bool, _ error)

// indexing returns the kinds of steps.
func (s *Service) indexing() []step {
	if s.db.Dialect == database.SQLite {
		return []step{s.rewriteSome, s.growEntry, s.takeOut, s.mergeSome}
	}
	return []step{s.rewriteSome, s.sortIn}
}

// IndexTexts has the search index follow the texts of petitions, for a short time. It is called every second and finds
// little to do as a rule. Each step finds in the database what is to be done: what a process that died has left, the
// next one does.
func (s *Service) IndexTexts(ctx context.Context) error {
	started := time.Now() //nolint:forbidigo // a length is measured, by the monotonic clock
	// All kinds take turns: a long text that grows must not keep others from being found.
	for busy := true; busy && time.Since(started) < indexingTime; {
		busy = false
		for _, do := range s.indexing() {
			did, err := do.repeatedly(ctx)
			if err != nil {
				return fmt.Errorf("indexing texts: %w", err)
			}
			busy = busy || did
		}
	}
	return nil
}

// repeatedly takes steps for a short time, as long as there is anything to do.
func (do step) repeatedly(ctx context.Context) (did bool, _ error) {
	started := time.Now() //nolint:forbidigo // as above
	for time.Since(started) < stepsTime {
		more, err := do(ctx)
		if err != nil || !more {
			return did, err
		}
		did = true
	}
	return did, nil
}

// growEntry puts a piece more of a long text into SQLite's index. An entry that is complete takes the place of the
// petition's former one.
func (s *Service) growEntry(ctx context.Context) (did bool, _ error) {
	var id int64
	var written int
	var petition uuid.UUID
	var body string
	err := s.db.Newest().QueryRowContext(ctx, `SELECT e.id, e.written, e.petition_id, d.body FROM search_entries AS e
 JOIN search_documents AS d ON d.petition_id = e.petition_id WHERE e.written IS NOT NULL ORDER BY e.id LIMIT 1`).
		Scan(&id, &written, &petition, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Cut outside of the transaction, in which everybody who signs would wait for it.
	end := pieceEnd(body, written)
	return true, s.inTx(ctx, func(t *tx) error {
		// If the text has changed since, or nobody sees it any more, the entry has ceased to grow.
		grown, err := t.sql.ExecContext(ctx, `UPDATE search_entries SET written = $1 WHERE id = $2 AND written = $3`, end, id, written)
		if err != nil {
			return err
		}
		if n, err := grown.RowsAffected(); n == 0 || err != nil {
			return err
		}
		_, err = t.sql.ExecContext(ctx, `INSERT INTO search_pieces (entry, terms) VALUES ($1, $2)`, id, body[written:end])
		if err != nil || end < len(body) {
			return err
		}
		_, err = t.sql.ExecContext(ctx, `UPDATE search_entries SET state = NULL WHERE petition_id = $1 AND state IS NOT NULL AND id <> $2`,
			petition, id)
		if err != nil {
			return err
		}
		_, err = t.sql.ExecContext(ctx, `UPDATE search_entries SET written = NULL,
 state = (SELECT state FROM search_texts WHERE petition_id = $1) WHERE id = $2`, petition, id)
		return err
	})
}

// pieceEnd returns where the piece ends that begins at start: behind a space, unless it is the last one.
func pieceEnd(terms string, start int) int {
	if len(terms)-start <= pieceBytes {
		return len(terms)
	}
	return start + strings.LastIndexByte(terms[start:start+pieceBytes], ' ') + 1
}

// takeOut takes some of what nothing finds any more out of SQLite's index: a piece, or some short texts.
func (s *Service) takeOut(ctx context.Context) (did bool, _ error) {
	// Nobody changes what is left: it may be read before the transaction.
	rows, err := s.db.Newest().QueryContext(ctx, `SELECT e.id, octet_length(e.terms),
 COALESCE((SELECT MAX(p.id) FROM search_pieces AS p WHERE p.entry = e.id), 0)
 FROM search_entries AS e WHERE e.state IS NULL AND e.written IS NULL ORDER BY e.id LIMIT 20`)
	if err != nil {
		return false, err
	}
	var pieces, entries []int64
	size := 0
	err = database.Each(rows, func(rows *sql.Rows) error {
		var entry, piece int64
		var bytes int
		err := rows.Scan(&entry, &bytes, &piece)
		switch {
		case size >= pieceBytes:
		case piece != 0:
			pieces, size = append(pieces, piece), size+pieceBytes
		default:
			entries, size = append(entries, entry), size+bytes
		}
		return err
	})
	if err != nil || size == 0 {
		return false, err
	}
	return true, s.inTx(ctx, func(t *tx) error {
		for _, id := range pieces {
			if _, err := t.sql.ExecContext(ctx, `DELETE FROM search_pieces WHERE id = $1`, id); err != nil {
				return err
			}
		}
		for _, id := range entries {
			if _, err := t.sql.ExecContext(ctx, `DELETE FROM search_entries WHERE id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// mergeSome merges some lists of SQLite's index, which has new ones with each transaction that changes it.
func (s *Service) mergeSome(ctx context.Context) (did bool, _ error) {
	err := s.inTx(ctx, func(t *tx) error {
		var before, after int
		if err := t.sql.QueryRowContext(ctx, `SELECT total_changes()`).Scan(&before); err != nil {
			return err
		}
		if _, err := t.sql.ExecContext(ctx, `INSERT INTO search_index (search_index, rank) VALUES ('merge', $1)`, mergedPages); err != nil {
			return err
		}
		err := t.sql.QueryRowContext(ctx, `SELECT total_changes()`).Scan(&after)
		did = after-before > 1 // the insertion itself is one
		return err
	})
	return did, err
}

// sortIn sorts the terms that PostgreSQL has put beside its indexes into these, where this role may. They are sorted in
// sooner or later in any case, but then within the transaction that brings more.
func (s *Service) sortIn(ctx context.Context) (did bool, _ error) {
	var pages int
	err := s.db.Write.QueryRowContext(ctx, `SELECT COALESCE(SUM(gin_clean_pending_list(c.oid)), 0)
 FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam
 WHERE i.indrelid = 'search_documents'::regclass AND a.amname = 'gin' AND pg_has_role(c.relowner, 'USAGE')`).Scan(&pages)
	return pages > 0, err
}
