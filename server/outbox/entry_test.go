package outbox_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/outbox"
	"petitiond/server/secret"
)

// Every column arrives, whether rows are written one by one or many in a statement, and a repetition writes nothing.
func TestAdd(t *testing.T) {
	t.Parallel()
	type row struct {
		Kind, Petition, Payload string
		Priority, Tries         int
		Due, Created            time.Time
	}
	petition := uuid.NullUUID{UUID: uuid.New(), Valid: true}
	later := epoch.Add(time.Hour + 1234*time.Microsecond)
	entries := []outbox.Entry{
		{ID: uuid.New(), Kind: "a", Petition: petition, Payload: []byte("first \x00 {\"'\\,}"), Due: later},
		{ID: uuid.New(), Kind: "b", Payload: []byte{}, Priority: outbox.Bulk},
	}
	want := []row{
		{Kind: "a", Petition: petition.UUID.String(), Payload: "first \x00 {\"'\\,}", Due: later, Created: epoch},
		{Kind: "b", Priority: 1, Due: epoch, Created: epoch},
	}
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("Together=%t", together), func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, p *post) {
				for range 2 {
					if together {
						p.add(entries...)
						continue
					}
					p.add(entries[0])
					p.add(entries[1])
				}
				for i, e := range entries {
					var got row
					var petition sql.Null[string]
					var sealed []byte
					var due, created database.Time
					err := p.db.Read.QueryRowContext(t.Context(), `SELECT kind, petition_id, payload, priority, tries, due_at, created_at
 FROM outbox WHERE id = $1`, e.ID).Scan(&got.Kind, &petition, &sealed, &got.Priority, &got.Tries, &due, &created)
					if err != nil {
						t.Fatal(err)
					}
					opened, err := p.keys.Open(secret.OutboxSeal, sealed, append(e.ID[:], e.Kind...))
					if err != nil {
						t.Fatal(err)
					}
					got.Petition, got.Payload, got.Due, got.Created = petition.V, string(opened), due.Time, created.Time
					if diff := cmp.Diff(want[i], got); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
					if len(e.Payload) > 0 && strings.Contains(string(sealed), "first") {
						t.Error("the payload can be read in the database")
					}
				}
				if n := p.count(`1 = 1`); n != len(entries) {
					t.Errorf("%d rows, want %d", n, len(entries))
				}
			})
		})
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	p := newPost(t, nil)
	for name, test := range map[string]struct {
		entry outbox.Entry
		want  error
	}{
		"LongestPayload": {outbox.Entry{Kind: kind, Payload: make([]byte, outbox.MaxPayload)}, nil},
		"LongPayload":    {outbox.Entry{Kind: kind, Payload: make([]byte, outbox.MaxPayload+1)}, outbox.ErrPayload},
		"NoKind":         {outbox.Entry{}, outbox.ErrKind},
		"LongestKind":    {outbox.Entry{Kind: strings.Repeat("k", 64)}, nil},
		"LongKind":       {outbox.Entry{Kind: strings.Repeat("k", 65)}, outbox.ErrKind},
		"Priority":       {outbox.Entry{Kind: kind, Priority: 2}, outbox.ErrPriority},
	} {
		row, err := outbox.Seal(p.keys, test.entry, epoch)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
		if err == nil && row.ID().Version() != 7 {
			t.Errorf("%s: the id %s is not of version 7", name, row.ID())
		}
	}
}
