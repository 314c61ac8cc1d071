package petitioning

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/secret"
)

const signatureColumns = `s.id, s.petition_id, s.number, s.name, s.country, s.signed_at`

// Signatures gives the page of public signatures of each petition, newest first.
func (s *Service) Signatures(ctx context.Context, page PageArgs, petitions ...uuid.UUID) (map[uuid.UUID]*SignatureConnection, error) {
	dependOn(ctx, wordsOf, petitions...)
	dependOn(ctx, numbersOf, petitions...)
	return browse(ctx, s, listing[*ent.Signature]{
		name:     "signatures",
		columns:  signatureColumns,
		table:    `signatures AS s`,
		where:    `s.petition_id = ` + parent + ` AND ` + publicSignature + ` AND ` + visibleList(ctx),
		keys:     keyset{columns: []string{`s.number`}, desc: true},
		together: true,
		scan: func(row scanner) (*ent.Signature, cursor, error) {
			n, err := scanSignature(row)
			return n, cursor{Keys: []cursorKey{intKey(int64(deref(n.Number)))}, ID: n.ID}, err
		},
	}, page, petitions...)
}

// scanSignature scans a signature that is public.
func scanSignature(row scanner) (*ent.Signature, error) {
	n, signed := &ent.Signature{ShowName: true}, database.Time{}
	err := row.Scan(&n.ID, &n.PetitionID, &n.Number, &n.Name, &n.Country, &signed)
	n.SignedAt = signed.Time
	return n, err
}

// SignatoryName opens the name of a signature that may be shown, and gives nil for one that may not.
func (s *Service) SignatoryName(row *ent.Signature) (*string, error) {
	if !row.ShowName || row.Name == nil {
		return nil, nil //nolint:nilnil // the contract's null: a name that is not public
	}
	name, err := s.opt.Keys.Open(secret.NameSeal, *row.Name, row.ID[:])
	if err != nil {
		return nil, fmt.Errorf("opening a name: %w", err)
	}
	text := string(name)
	return &text, nil
}
