// Package ledgertest makes petitions, signatures and comments for tests of what the ledger counts, and counts them by
// statements of its own.
package ledgertest

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/ledger"
)

// Epoch is when the time of these tests begins.
var Epoch = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// Open gives terms under which everybody may sign.
func Open() ledger.Terms { return ledger.Terms{Accepting: true, Goal: 100} }

// NewID returns a key as the program does.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Petition makes a petition with a counter.
func Petition(t testing.TB, db *database.DB, terms ledger.Terms) uuid.UUID {
	t.Helper()
	id := NewID()
	err := database.InTx(context.Background(), db.Write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.Background(), `INSERT INTO petitions (id, slug, title, body, language, addressees, state,
 petitioner, created_at, updated_at) VALUES ($1, $2, 't', 'b', 'en', '[]', 'OPEN', 'p', $3, $3)`, id, id.String(), Epoch)
		if err != nil {
			return err
		}
		return ledger.Open(context.Background(), tx, id, terms, Epoch)
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Signature returns the signature of an address that shows its name.
func Signature(petition uuid.UUID, address string) ledger.Signature {
	return ledger.Signature{
		ID: NewID(), Petition: petition, Digest: append(petition[:], address...), Name: []byte{0, 1, 0xff},
		Address: []byte(address), ShowName: true, Updates: true, Country: "EE", Locale: "et", Statement: "v1",
	}
}

// Waiting returns the signature of an address that waits for its mailbox.
func Waiting(petition uuid.UUID, address string) ledger.Signature {
	s := Signature(petition, address)
	s.Waiting = &ledger.Waiting{Token: []byte("token of " + s.ID.String()), Code: []byte("code of " + s.ID.String())}
	return s
}

// Confirmation confirms a signature.
func Confirmation(s ledger.Signature) ledger.Confirmation {
	return ledger.Confirmation{Signature: s.ID, Petition: s.Petition}
}

// Withdrawal withdraws a signature.
func Withdrawal(s ledger.Signature) ledger.Withdrawal {
	return ledger.Withdrawal{Signature: s.ID, Petition: s.Petition}
}

// Comment returns a comment, or a reply if there is a parent.
func Comment(petition uuid.UUID, parent *uuid.UUID) ledger.Comment {
	return ledger.Comment{ID: NewID(), Petition: petition, Parent: parent, Body: "Because."}
}

// Scan reads the one value of a query.
func Scan[T any](t testing.TB, db *database.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := db.Read.QueryRowContext(context.Background(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// Exec runs a statement.
func Exec(t testing.TB, db *database.DB, text string, args ...any) {
	t.Helper()
	if _, err := db.Write.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
}
