package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
)

// leased is an entry that this replica tries to send.
type leased struct {
	Delivery // without its payload

	sealed []byte
}

// The entries of a kind that are due, in three orders. Each is an index read from one end.
const (
	dueEntries = ` FROM outbox WHERE kind = $1 AND parked_at IS NULL AND due_at <= $2`
	freshFirst = `SELECT id` + dueEntries + ` AND priority = 0 AND tries = 0 ORDER BY due_at DESC, id DESC LIMIT $3`
	oldFirst   = `SELECT id` + dueEntries + ` AND priority = 0 ORDER BY due_at, id LIMIT $3`
	bulkFirst  = `SELECT id` + dueEntries + ` AND priority = 1 ORDER BY due_at, id LIMIT $3`
	anyDue     = `SELECT EXISTS (SELECT 1` + dueEntries + ` AND priority = 0) OR EXISTS (SELECT 1` + dueEntries + ` AND priority = 1)`
)

// leaseTime bounds a look for entries and its transaction.
const leaseTime = 5 * time.Second

// lease takes at most so many entries that are due: for the time of a lease nobody else takes them. It returns after
// how long to look again, unless something else happens.
func (l *lane) lease(ctx context.Context, most int) (found []leased, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseTime)
	defer cancel()
	now, wait, due := l.box.opt.Now(), l.box.opt.Every, false
	if ahead := l.paced.Sub(now); 0 < ahead && ahead <= l.pace.pause() {
		return nil, ahead, nil // it is known that nobody may begin with another one
	}
	// Asked by a reader first, so that an empty outbox keeps nobody from writing.
	if err := l.box.opt.DB.LookUp.QueryRowContext(ctx, anyDue, l.kind, now).Scan(&due); err != nil || !due {
		return nil, wait, err
	}
	turn, allowed := l.turn, 0
	err = database.InTx(ctx, l.box.opt.DB.Write, func(tx *sql.Tx) (err error) {
		found, allowed, err = l.leaseIn(ctx, tx, most)
		return err
	})
	switch {
	case err != nil: // after a lost answer to COMMIT, too: such leases end by themselves
		l.turn = turn
		return nil, wait, err
	case len(found) == allowed && allowed < most:
		l.paced, wait = l.box.opt.Now().Add(l.pace.pause()), l.pace.pause()
	case len(found) == allowed:
		wait = 0 // there may be more
	}
	return found, wait, nil
}

// leaseIn does so in a transaction, and also returns how many the pace allowed.
func (l *lane) leaseIn(ctx context.Context, tx *sql.Tx, most int) (found []leased, allowed int, err error) {
	next, err := lockPace(ctx, tx, l.box.opt.DB.Dialect, l.kind, l.box.opt.Now())
	if err != nil {
		return nil, 0, err
	}
	// What was allowed before the wait may have been used by the one that was waited for.
	now := l.box.opt.Now() // after the wait for the lock
	if allowed = l.pace.allow(now, next, most); allowed <= 0 {
		return nil, 0, nil
	}
	ids, err := l.choose(ctx, tx, now, allowed)
	if err != nil || len(ids) == 0 {
		return nil, allowed, err
	}
	if found, err = l.take(ctx, tx, ids, now.Add(l.box.opt.Lease)); err != nil {
		return nil, 0, err
	}
	return found, allowed, setPace(ctx, tx, l.kind, l.pace.after(now, next, len(found)))
}

// choose returns at most so many entries, of each order its share.
func (l *lane) choose(ctx context.Context, tx *sql.Tx, now time.Time, most int) ([]uuid.UUID, error) {
	// As many of each as could be taken in all: one order may have nothing.
	var orders [3][]uuid.UUID
	for i, query := range []string{freshFirst, oldFirst, bulkFirst} {
		// What somebody else has locked is being settled there.
		if l.box.opt.DB.Dialect == database.Postgres {
			query += ` FOR UPDATE SKIP LOCKED`
		}
		ids, err := idsOf(ctx, tx, query, l.kind, now, most)
		if err != nil {
			return nil, err
		}
		orders[i] = ids
	}
	return l.share(orders, most), nil
}

func idsOf(ctx context.Context, tx *sql.Tx, query string, args ...any) (ids []uuid.UUID, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("looking for what is due: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("looking for what is due: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// turns is the order in which one is taken of the newest that nobody has tried (0), of the oldest (1), and of those for
// which nobody waits (2). So a new entry is sent at once beside any number of others, an old one never waits for ever,
// and what is left beside both goes to the rest, which gets an eighth in any case.
var turns = [8]int{0, 1, 0, 1, 0, 1, 0, 2}

// share takes at most so many from the lists in turn, each once. The next share goes on where this one ends, since at a
// slow pace each takes only one.
func (l *lane) share(orders [3][]uuid.UUID, most int) []uuid.UUID {
	taken := make([]uuid.UUID, 0, most)
	take := func(order int) bool {
		for len(orders[order]) > 0 {
			id := orders[order][0]
			orders[order] = orders[order][1:]
			if !slices.Contains(taken, id) {
				taken = append(taken, id)
				return true
			}
		}
		return false
	}
	for len(taken) < most {
		first := turns[l.turn%len(turns)]
		if !take(first) && !take(0) && !take(1) && !take(2) {
			return taken
		}
		l.turn++
	}
	return taken
}

// take moves the entries out of sight until the lease ends, and counts the try.
func (l *lane) take(ctx context.Context, tx *sql.Tx, ids []uuid.UUID, until time.Time) (found []leased, err error) {
	args := database.Args{until}
	query := `UPDATE outbox SET tries = tries + 1, due_at = $1 WHERE ` + args.Among(l.box.opt.DB.Dialect, "id", ids) +
		` RETURNING id, petition_id, payload, tries, created_at`
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("leasing: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e leased
		var created database.Time
		if err := rows.Scan(&e.ID, &e.Petition, &e.sealed, &e.Try, &created); err != nil {
			return nil, fmt.Errorf("leasing: %w", err)
		}
		e.Created = created.Time
		found = append(found, e)
	}
	return found, rows.Err()
}
