package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"petitiond/server/database"
	"petitiond/server/secret"
)

const (
	// MaxPayload is the longest payload in bytes.
	MaxPayload = 64 << 10
	// maxKind is the longest name of a kind in bytes.
	maxKind = 64
)

// Priority says whether somebody waits for an entry.
type Priority int

// The priorities.
const (
	Awaited Priority = 0 // somebody sits before a screen and waits for it
	Bulk    Priority = 1 // one of many, for which nobody waits
)

// Entry is something to send.
type Entry struct {
	ID       uuid.UUID     // by which a repetition is known; a new one if it is zero
	Kind     string        // which handler sends it
	Petition uuid.NullUUID // the petition that it is about, if it is one
	Payload  []byte        // what the handler needs to know, at most MaxPayload bytes
	Priority Priority
	Due      time.Time // not before; at once if it is zero
}

// Row is an entry as the database holds it. Only Seal makes one, so that nothing is written that can be read.
type Row struct {
	entry   Entry // its payload is sealed
	created time.Time
}

// The errors of Seal.
var (
	ErrPayload  = errors.New("the payload of an entry of the outbox is too long")
	ErrKind     = errors.New("an entry of the outbox has no kind, or a long one")
	ErrPriority = errors.New("an entry of the outbox has a priority that does not exist")
)

// Seal makes a row of an entry. The payload is sealed for this row and kind alone.
func Seal(keys *secret.Keys, e Entry, now time.Time) (Row, error) {
	switch {
	case len(e.Payload) > MaxPayload:
		return Row{}, ErrPayload
	case e.Kind == "" || len(e.Kind) > maxKind:
		return Row{}, ErrKind
	case e.Priority != Awaited && e.Priority != Bulk:
		return Row{}, ErrPriority
	}
	if e.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return Row{}, fmt.Errorf("making an entry of the outbox: %w", err)
		}
		e.ID = id
	}
	if e.Due.IsZero() {
		e.Due = now
	}
	e.Payload = keys.Seal(secret.OutboxSeal, e.Payload, place(e.ID, e.Kind))
	return Row{entry: e, created: now}, nil
}

// place identifies where a payload belongs.
func place(id uuid.UUID, kind string) []byte { return append(id[:], kind...) }

// ID returns the id of the entry.
func (r Row) ID() uuid.UUID { return r.entry.ID }

// The statements that write rows: for one row, with the arguments that Row.Args returns, and on PostgreSQL for any
// number, with those of Arrays. A row that is there already is left as it is, so that both can be repeated. They are
// prepared where many transactions write rows.
const (
	Insert = `INSERT INTO outbox (id, kind, petition_id, payload, priority, due_at, created_at)
 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`
	InsertArrays = `INSERT INTO outbox (id, kind, petition_id, payload, priority, due_at, created_at)
 SELECT id, kind, NULLIF(petition, '')::uuid, payload, priority, due, created
 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::timestamptz[], $7::timestamptz[])
 AS i(id, kind, petition, payload, priority, due, created) ON CONFLICT (id) DO NOTHING`
)

// Args returns the arguments of Insert.
func (r Row) Args() []any {
	e := r.entry
	return []any{e.ID, e.Kind, e.Petition, e.Payload, int(e.Priority), e.Due, r.created}
}

// Arrays returns the arguments of InsertArrays: an array for each column.
func Arrays(rows []Row) []any {
	var kinds, petitions, due, created []string
	var payloads [][]byte
	var priorities []int64
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		petition := "" // stands for NULL
		if r.entry.Petition.Valid {
			petition = r.entry.Petition.UUID.String()
		}
		ids[i] = r.entry.ID
		kinds, petitions = append(kinds, r.entry.Kind), append(petitions, petition)
		payloads, priorities = append(payloads, r.entry.Payload), append(priorities, int64(r.entry.Priority))
		due, created = append(due, written(r.entry.Due)), append(created, written(r.created))
	}
	return []any{
		database.UUIDArray(ids), pq.StringArray(kinds), pq.StringArray(petitions), pq.ByteaArray(payloads),
		pq.Int64Array(priorities), pq.StringArray(due), pq.StringArray(created),
	}
}

// written is a time as an array of PostgreSQL holds it.
func written(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// Add writes rows in a transaction: whatever else it writes is committed together with them, or not at all. Call Wake
// after the commit.
func Add(ctx context.Context, tx *sql.Tx, d database.Dialect, rows ...Row) error {
	// A single row needs no arrays.
	if d == database.Postgres && len(rows) > 1 {
		_, err := tx.ExecContext(ctx, InsertArrays, Arrays(rows)...)
		return adding(err)
	}
	for _, r := range rows {
		if _, err := tx.ExecContext(ctx, Insert, r.Args()...); err != nil {
			return adding(err)
		}
	}
	return nil
}

func adding(err error) error {
	if err != nil {
		return fmt.Errorf("writing to the outbox: %w", err)
	}
	return nil
}
