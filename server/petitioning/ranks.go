package petitioning

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/figures"
	"petitiond/server/petitioning/tagging"
)

// rankLock is the key of PostgreSQL's advisory lock under which ranks are rewritten; without it replicas would wait for
// each other's rows. It is "rank" in ASCII.
const rankLock = 0x72616e6b

// restate copies states to ranks. It is a statement of its own: where a state is right as it begins, it writes nothing,
// also if the petition moves on meanwhile.
const restate = `UPDATE ranks SET state = p.state FROM petitions AS p WHERE p.id = ranks.petition_id AND ranks.state <> p.state`

// Moved records the petitions whose counts have changed since their ranks were rewritten. The zero value is ready to
// use.
type Moved struct {
	mu        sync.Mutex // guards petitions
	petitions map[uuid.UUID]bool
}

// Add records petitions whose counts have changed. It is called after commits and never blocks for long.
func (m *Moved) Add(values ...figures.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range values {
		// Comments and edits move no rank.
		if v.Version > 0 {
			m.add(v.Petition)
		}
	}
}

// add needs mu.
func (m *Moved) add(petitions ...uuid.UUID) {
	if m.petitions == nil {
		m.petitions = map[uuid.UUID]bool{}
	}
	for _, id := range petitions {
		m.petitions[id] = true
	}
}

// take returns the petitions that were recorded since its last call.
func (m *Moved) take() []uuid.UUID {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]uuid.UUID, 0, len(m.petitions))
	for id := range m.petitions {
		out = append(out, id)
	}
	// Forgotten only here: what cannot be written is put back.
	m.petitions = nil
	return out
}

// putBack records again petitions that were taken and not processed.
func (m *Moved) putBack(petitions []uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(petitions...)
}

// Rank rewrites the ranks of the petitions whose counts have changed on this replica.
func (s *Service) Rank(ctx context.Context) error {
	ids := s.opt.Moved.take()
	// Some at a time, so that no transaction holds many rows for long.
	for len(ids) > 0 {
		// The whole rest is put back when a part fails: the parts before it were written.
		some := ids[:min(len(ids), 1000)]
		if done, err := s.rerank(ctx, some); err != nil || !done {
			s.opt.Moved.putBack(ids)
			return err
		}
		ids = ids[len(some):]
	}
	return nil
}

// RankAll compares every rank with its counter and its petition, and every tag with its petitions: after a start, and
// regularly, since a replica that died has lost its records, and one of an earlier version does not write states.
func (s *Service) RankAll(ctx context.Context) error {
	if _, err := s.rerank(ctx, nil); err != nil {
		return err
	}
	return tagging.Store{Database: s.db, Lookup: s.lookup, InTx: func(ctx context.Context, fn func(tagging.Tags) error) error {
		return s.inTx(ctx, func(t *tx) error { return fn(t.tags()) })
	}}.Recount(ctx)
}

// rerank copies counters to ranks where they differ, for all petitions or the given ones. It returns false if another
// replica is doing so at the moment.
func (s *Service) rerank(ctx context.Context, ids []uuid.UUID) (done bool, err error) {
	var args database.Args
	text := `UPDATE ranks SET signatures = c.total, trending = c.trending FROM counters AS c
 WHERE c.petition_id = ranks.petition_id AND (ranks.signatures <> c.total OR ranks.trending <> c.trending)`
	if ids != nil {
		text += ` AND ` + args.Among(s.db.Dialect, `ranks.petition_id`, ids)
	}
	err = s.inTx(ctx, func(t *tx) error {
		if done, err = database.TryLock(ctx, t.sql, s.db.Dialect, rankLock); !done || err != nil {
			return err
		}
		if _, err := t.sql.ExecContext(ctx, text, args...); err != nil || ids != nil {
			return err
		}
		_, err = t.sql.ExecContext(ctx, restate)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("rewriting ranks: %w", err)
	}
	return done, nil
}
