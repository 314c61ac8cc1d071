package signing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/ledger"
	"petitiond/server/secret"
)

// The states of a signature that a mailbox is told something about.
const (
	stateWaiting = "PENDING"
	stateCounted = "COUNTED"
)

// row is a signature as it is stored.
type row struct {
	id, petition          uuid.UUID
	state                 string
	number                int // 0: none
	name, address, reason []byte
	showName              bool
	country, locale       string
	signed                time.Time
}

const columns = `id, petition_id, state, COALESCE(number, 0), name, address, reason, show_name, COALESCE(country, ''),
 COALESCE(locale, ''), signed_at`

func scan(rows *sql.Rows) (*row, error) {
	r := &row{}
	var signed database.Time
	err := rows.Scan(&r.id, &r.petition, &r.state, &r.number, &r.name, &r.address, &r.reason, &r.showName, &r.country, &r.locale, &signed)
	r.signed = signed.Time
	return r, err
}

// find returns the signature of which a column has a value, or nil if there is none.
func (s *Service) find(ctx context.Context, column string, value any) (found *row, err error) {
	rows, err := database.Reader{DB: s.db.Newest()}.QueryContext(ctx, `SELECT `+columns+` FROM signatures WHERE `+column+` = $1`, value)
	if err == nil {
		err = database.Each(rows, func(rows *sql.Rows) (err error) { found, err = scan(rows); return err })
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a signature: %w", err)
	}
	return found, nil
}

// byToken returns the signature of a token, or nil if there is none.
func (s *Service) byToken(ctx context.Context, given string) (*row, error) {
	given = strings.TrimSpace(given)
	found, err := s.find(ctx, "token", secret.Hash(given))
	if err != nil || found == nil || !same(given, token(s.opt.Keys, found.id)) {
		return nil, err
	}
	return found, nil
}

// byCode returns the signature of a code, or nil if there is none.
func (s *Service) byCode(ctx context.Context, given string) (*row, error) {
	if given = ungrouped(given); given == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	found, err := s.find(ctx, "code", secret.Hash(given))
	if err != nil || found == nil || !same(given, code(s.opt.Keys, found.id)) {
		return nil, err
	}
	return found, nil
}

// Signatory returns the digest by which the comment of a signature is found, by those who hold the secret alone.
func Signatory(keys *secret.Keys, signature uuid.UUID) []byte {
	return keys.Digest(secret.AuthorLink, signature[:])
}

// Comment returns the comment for a signatory's reason for signing. It has an author only if the name is public.
func Comment(keys *secret.Keys, signature, petition uuid.UUID, showName bool, name, reason string) *ledger.Comment {
	c := &ledger.Comment{
		ID: uuid.Must(uuid.NewV7()), Petition: petition, FromSignatory: true, Body: reason, Signatory: Signatory(keys, signature),
	}
	if showName {
		c.Author = &name
	}
	return c
}

// comment opens the reason of a signature that waits; it is nil if there is none.
func (s *Service) comment(r *row) (*ledger.Comment, error) {
	if r.state != stateWaiting || r.reason == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	reason, err := s.opt.Keys.Open(secret.ReasonSeal, r.reason, r.id[:])
	name, nameErr := s.opt.Keys.Open(secret.NameSeal, r.name, r.id[:])
	if err := errors.Join(err, nameErr); err != nil {
		return nil, fmt.Errorf("opening a reason for signing: %w", err)
	}
	return Comment(s.opt.Keys, r.id, r.petition, r.showName, string(name), string(reason)), nil
}
