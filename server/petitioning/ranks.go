package petitioning

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"petitiond/server/database"
)

// rankLock is the key of PostgreSQL's advisory lock under which ranks are rewritten, so that replicas do not
// wait for each other's rows: "rank" in ASCII.
const rankLock = 0x72616e6b

// ranks remembers whose counts have moved since their ranks were rewritten.
type ranks struct {
	mu    sync.Mutex // guards moved
	moved map[uuid.UUID]bool
}

// Moved notes that counts have moved. It is called after commits and never blocks for long.
func (s *Service) Moved(petitions ...uuid.UUID) {
	s.ranks.mu.Lock()
	defer s.ranks.mu.Unlock()
	if s.ranks.moved == nil {
		s.ranks.moved = map[uuid.UUID]bool{}
	}
	for _, id := range petitions {
		s.ranks.moved[id] = true
	}
}

func (r *ranks) take() []uuid.UUID {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]uuid.UUID, 0, len(r.moved))
	for id := range r.moved {
		out = append(out, id)
	}
	r.moved = nil
	return out
}

// Rank rewrites the ranks of the petitions whose counts have moved on this replica.
func (s *Service) Rank(ctx context.Context) error {
	ids := s.ranks.take()
	for len(ids) > 0 {
		some := ids[:min(len(ids), 1000)]
		if done, err := s.rerank(ctx, some); err != nil || !done {
			s.Moved(ids...)
			return err
		}
		ids = ids[len(some):]
	}
	return nil
}

// RankAll compares every rank with its counter: after a start, and now and then, since a replica that died
// took with it what it had remembered.
func (s *Service) RankAll(ctx context.Context) error {
	_, err := s.rerank(ctx, nil)
	return err
}

// rerank copies counters to ranks where they differ, of all petitions or of the given ones, and reports
// whether it could: another replica may be at it.
func (s *Service) rerank(ctx context.Context, ids []uuid.UUID) (done bool, err error) {
	var args database.Args
	text := `UPDATE ranks SET signatures = c.total, trending = c.trending FROM counters AS c
 WHERE c.petition_id = ranks.petition_id AND (ranks.signatures <> c.total OR ranks.trending <> c.trending)`
	if ids != nil {
		text += ` AND ` + args.Among(s.db.Dialect, `ranks.petition_id`, ids)
	}
	err = s.inTx(ctx, func(t *tx) error {
		if done, err = tryLock(ctx, t.sql, s.db.Dialect, rankLock); !done || err != nil {
			return err
		}
		_, err := t.sql.ExecContext(ctx, text, args...)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("rewriting ranks: %w", err)
	}
	return done, nil
}

// tryLock takes an advisory lock until the transaction ends, or reports that another replica holds it. On
// SQLite the transaction is the lock.
func tryLock(ctx context.Context, t *sql.Tx, d database.Dialect, key int64) (bool, error) {
	if d != database.Postgres {
		return true, nil
	}
	var got bool
	err := t.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, key).Scan(&got)
	return got, err
}
