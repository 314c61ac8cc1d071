package signing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/signature"
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
	showName, updates     bool
	country, locale       string
	statement             string
	signed                time.Time
	confirmed             *time.Time
}

const columns = `id, petition_id, state, COALESCE(number, 0), name, address, reason, show_name, updates, COALESCE(country, ''),
 COALESCE(locale, ''), COALESCE(statement_version, ''), signed_at, confirmed_at`

func scan(rows *sql.Rows) (*row, error) {
	r := &row{}
	var signed database.Time
	var confirmed database.NullTime
	err := rows.Scan(&r.id, &r.petition, &r.state, &r.number, &r.name, &r.address, &r.reason, &r.showName, &r.updates, &r.country,
		&r.locale, &r.statement, &signed, &confirmed)
	r.signed, r.confirmed = signed.Time, confirmed.Pointer()
	return r, err
}

// shown returns the signature as its mailbox may see it. The name is sealed.
func (r *row) shown() *ent.Signature {
	return &ent.Signature{
		ID: r.id, PetitionID: r.petition, State: signature.State(r.state), Number: filled(r.number), Name: &r.name,
		ShowName: r.showName, Updates: r.updates, Country: filled(r.country), Locale: filled(r.locale),
		StatementVersion: filled(r.statement), SignedAt: r.signed, ConfirmedAt: r.confirmed,
	}
}

// filled returns nil for an empty value.
func filled[V comparable](v V) *V {
	var none V
	if v == none {
		return nil
	}
	return &v
}

// find returns the signature of which a column has a value, or nil if there is none.
func (s *Service) find(ctx context.Context, column string, value any) (*row, error) {
	return findIn(ctx, database.Reader{DB: s.db.Newest()}, column, value)
}

func findIn(ctx context.Context, q ledger.Querier, column string, value any) (found *row, err error) {
	rows, err := q.QueryContext(ctx, `SELECT `+columns+` FROM signatures WHERE `+column+` = $1`, value)
	if err == nil {
		err = database.Each(rows, func(rows *sql.Rows) (err error) { found, err = scan(rows); return err })
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a signature: %w", err)
	}
	return found, nil
}

// ErrToken says that there is no signature with a token or code.
var ErrToken = errors.New("signing: no signature has this token")

// byToken returns the signature of a token, or ErrToken.
func (s *Service) byToken(ctx context.Context, given string) (*row, error) {
	return s.bySecret(ctx, "token", strings.TrimSpace(given), token)
}

// byCode returns the signature of a code, or ErrToken.
func (s *Service) byCode(ctx context.Context, given string) (*row, error) {
	if given = ungrouped(given); given == "" {
		return nil, ErrToken
	}
	return s.bySecret(ctx, "code", given, code)
}

func (s *Service) bySecret(
	ctx context.Context, column, given string, derive func(*secret.Keys, uuid.UUID) string,
) (*row, error) {
	found, err := s.find(ctx, column, secret.Hash(given))
	switch {
	case err != nil:
		return nil, err
	case found == nil || !same(given, derive(s.opt.Keys, found.id)):
		return nil, ErrToken
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

// comment opens the reason of a signature that waits; it is nil if there is none. The ledger takes the author out of it
// if the name is not public when it is written.
func (s *Service) comment(r *row) (*ledger.Comment, error) {
	if r.state != stateWaiting || r.reason == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	reason, err := s.opt.Keys.Open(secret.ReasonSeal, r.reason, r.id[:])
	name, nameErr := s.opt.Keys.Open(secret.NameSeal, r.name, r.id[:])
	if err := errors.Join(err, nameErr); err != nil {
		return nil, fmt.Errorf("opening a reason for signing: %w", err)
	}
	return Comment(s.opt.Keys, r.id, r.petition, true, string(name), string(reason)), nil
}
