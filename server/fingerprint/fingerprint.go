// Package fingerprint keeps a database and the secret that it was made with together: the database has a digest of the
// secret, and is not served with another one.
package fingerprint

import (
	"bytes"
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/secret"
)

// Errors for a secret that does not belong to the database. With the wrong secret every address could sign again, and
// no name could be read.
var (
	ErrOtherSecret = errors.New("the database was made with another secret than the one in this file; " +
		"put back the secret file of this database, or restore both from one backup")
	ErrSecretMissing = errors.New("there is no such file, and the database was made with one; " +
		"put back the secret file of this database (all who serve it share one), or restore both from one backup")
	ErrSecretUnproven = errors.New("nothing in the database was made with the secret in this file; " +
		"put back the secret file of this database, or restore both from one backup")
)

// File reads and creates the file with the secret.
type File struct {
	Load func() (*secret.Keys, error) // fails with fs.ErrNotExist if there is no file
	Make func() (*secret.Keys, error) // creates the file and reads it; nil if a missing file is an error
}

// KeysOf returns the keys of the secret that the migrated database belongs to, or one of the errors above. A database
// without a fingerprint is bound to the secret in the file, which is created if it is missing; if several programs
// start at once on one database, one of them decides. If a database without a fingerprint is already in use, it is
// bound only after checking that some of its rows were made with this secret.
func KeysOf(ctx context.Context, db *database.DB, file File) (*secret.Keys, error) {
	// Without a lock first: nearly every start finds the digest, and needs no transaction.
	known, err := digest(ctx, db.Newest())
	if err != nil {
		return nil, err
	}
	if known != nil {
		return file.matching(known)
	}
	var keys *secret.Keys
	err = database.InTx(ctx, db.Ledger, func(tx *sql.Tx) error { // the ledger's connections wait for a lock
		if db.Dialect == database.Postgres { // on SQLite the transaction is the lock
			if _, err := tx.ExecContext(ctx, `LOCK TABLE fingerprints IN SHARE ROW EXCLUSIVE MODE`); err != nil {
				return fmt.Errorf("waiting for another start: %w", err)
			}
		}
		// Another start may have decided while this one waited.
		known, err := digest(ctx, tx)
		if err == nil && known != nil {
			keys, err = file.matching(known)
			return err
		}
		if err == nil {
			keys, err = file.first(ctx, tx)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO fingerprints (key_id, digest) VALUES (1, $1)`, keys.Fingerprint())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// querier is a pool or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// digest returns that of the secret in the database, or nil.
func digest(ctx context.Context, q querier) (known []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT digest FROM fingerprints WHERE key_id = 1`).Scan(&known)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading which secret the database belongs to: %w", err)
	}
	return known, nil
}

// matching returns the keys in the file if their fingerprint is that in the database.
func (f File) matching(known []byte) (*secret.Keys, error) {
	keys, err := f.Load()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrSecretMissing
	case err != nil:
		return nil, err
	case !hmac.Equal(known, keys.Fingerprint()):
		return nil, ErrOtherSecret
	}
	return keys, nil
}

// first returns the keys for a database without a fingerprint.
func (f File) first(ctx context.Context, tx *sql.Tx) (*secret.Keys, error) {
	keys, err := f.Load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	made, proven, failed := traces(ctx, tx, keys)
	switch {
	case failed != nil:
		return nil, failed
	// With a new secret all addresses could sign again.
	case made && err != nil:
		return nil, ErrSecretMissing
	case made && !proven:
		return nil, ErrSecretUnproven
	case err != nil && f.Make != nil:
		return f.Make()
	}
	return keys, err
}

// traceMost is how many rows of a kind are checked: some may be damaged, but hardly all of them.
const traceMost = 20

// trace is a kind of rows that were made with the secret.
type trace struct {
	query  string
	proves func(keys *secret.Keys, row, of uuid.UUID, value []byte) bool
}

// tracesOfSecrets returns the kinds. Their newest rows come first, which were made with the current secret.
func tracesOfSecrets() []trace {
	opens := func(purpose secret.Purpose) func(*secret.Keys, uuid.UUID, uuid.UUID, []byte) bool {
		return func(keys *secret.Keys, row, _ uuid.UUID, sealed []byte) bool {
			_, err := keys.Open(purpose, sealed, row[:])
			return err == nil
		}
	}
	// They show that the database is in use, and can prove nothing.
	never := func(*secret.Keys, uuid.UUID, uuid.UUID, []byte) bool { return false }
	return []trace{
		{`SELECT id, id, name FROM signatures WHERE name IS NOT NULL`, opens(secret.NameSeal)},
		{`SELECT id, id, address FROM signatures WHERE address IS NOT NULL`, opens(secret.AddressSeal)},
		{`SELECT id, petition_id, hash FROM tokens WHERE purpose = 'EDIT'`, madeToken},
		{
			`SELECT id, id, petitioner_address FROM petitions WHERE petitioner_address IS NOT NULL`,
			opens(secret.AddressSeal),
		},
		// A digest can only be checked with its address.
		{`SELECT id, id, digest FROM signatures WHERE digest IS NOT NULL`, never},
	}
}

// madeToken reports whether the keys made an edit token.
func madeToken(keys *secret.Keys, nonce, petition uuid.UUID, hash []byte) bool {
	return bytes.Equal(hash, secret.Hash(keys.EditToken(petition, nonce)))
}

// traces reports whether any row was made with a secret, and whether one of them was made with these keys, which may be
// nil.
func traces(ctx context.Context, tx *sql.Tx, keys *secret.Keys) (made, proven bool, err error) {
	for _, t := range tracesOfSecrets() {
		found, proof, err := t.look(ctx, tx, keys)
		if err != nil {
			return false, false, fmt.Errorf("looking for what was made with the secret: %w", err)
		}
		if made = made || found; proof {
			return true, true, nil
		}
	}
	return made, false, nil
}

// look reports whether there are such rows, and whether the keys made one of the newest.
func (t trace) look(ctx context.Context, tx *sql.Tx, keys *secret.Keys) (found, proven bool, err error) {
	rows, err := tx.QueryContext(ctx, t.query+fmt.Sprintf(` ORDER BY id DESC LIMIT %d`, traceMost))
	if err != nil {
		return false, false, err
	}
	defer rows.Close()
	for rows.Next() && !proven {
		var row, of uuid.UUID
		var value []byte
		if err := rows.Scan(&row, &of, &value); err != nil {
			return false, false, err
		}
		found, proven = true, keys != nil && t.proves(keys, row, of, value)
	}
	return found, proven, rows.Err()
}
