package reading

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/keyset"
	"petitiond/server/reading/visibility"
	"petitiond/server/secret"
)

const signatureColumns = `s.id, s.number, s.name, s.country, s.signed_at`

// Signatures returns the page of public signatures of each petition, newest first.
func (s *Reader) Signatures(ctx context.Context, page keyset.Args, petitions ...uuid.UUID) (map[uuid.UUID]*SignatureConnection, error) {
	dependOn(ctx, wordsOf, petitions...)
	dependOn(ctx, numbersOf, petitions...)
	scan := new(signatureRow).scanning()
	return browse(ctx, s, list[*ent.Signature]{
		name:     "signatures",
		columns:  signatureColumns,
		from:     `signatures AS s`,
		where:    `s.petition_id = ` + visibility.Parent + ` AND ` + visibility.Here,
		seen:     s.viewer.SignatureList(),
		order:    keyset.Order{Columns: []string{`s.number`}, Desc: true},
		combined: true,
		scan: func(row scanner) (*ent.Signature, keyset.Cursor, error) {
			n, err := scan(row)
			return n, keyset.Cursor{Keys: []keyset.Key{keyset.Int(int64(deref(n.Number)))}, ID: n.ID}, err
		},
		belongs: func(n *ent.Signature, petition uuid.UUID) { n.PetitionID = petition },
	}, page, petitions...)
}

// signatureRow is where the rows of a statement are scanned, one after the other.
type signatureRow struct {
	to     ent.Signature
	number sql.NullInt64
	signed database.Time
}

// scanning returns a function that scans the rows of a statement: signatureColumns of public signatures, and more
// behind them.
func (r *signatureRow) scanning(more ...any) func(scanner) (*ent.Signature, error) {
	into := append([]any{&r.to.ID, &r.number, &r.to.Name, &r.to.Country, &r.signed}, more...)
	return func(row scanner) (*ent.Signature, error) {
		err := row.Scan(into...)
		n := r.to
		n.ShowName, n.SignedAt = true, r.signed.Time
		if r.number.Valid {
			number := int(r.number.Int64)
			n.Number = &number
		}
		return &n, err
	}
}

// SignatoryName decrypts the name of a signature. It returns nil if the name may not be shown, or cannot be decrypted:
// one damaged name must not spoil a whole page.
func (s *Service) SignatoryName(ctx context.Context, row *ent.Signature) *string {
	if !row.ShowName || row.Name == nil {
		return nil
	}
	name, err := s.opt.Keys.Open(secret.NameSeal, *row.Name, row.ID[:])
	if err != nil {
		s.noteUnopened(ctx)
		return nil
	}
	text := string(name)
	return &text
}

// noteUnopened logs that a name could not be decrypted, once a minute at most: a page may have a hundred of them.
func (s *Service) noteUnopened(ctx context.Context) {
	if names, due := s.unopened.Due("name"); due {
		s.opt.Logger.ErrorContext(ctx, "sealed names cannot be opened: the rows are damaged, or of another secret",
			"names", names)
	}
}
