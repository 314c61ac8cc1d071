package petitioning

import (
	"context"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/ent/token"
	"petitiond/server/database"
	"petitiond/server/secret"
)

// tokenIsRepeated is how long a repeated createPetition receives the edit token again: long enough for a client whose
// answer was lost, and short for anybody who finds the key later, in a log or on a shared machine.
const tokenIsRepeated = 10 * time.Minute

// repeatedToken returns the edit token for a repeated request, or "". The token is returned again only for a short
// time, and never after the petition was published, since the input that belongs to the key is public then.
func (s *Service) repeatedToken(ctx context.Context, id uuid.UUID) (string, error) {
	row, err := s.lookup.Token.Query().
		Where(token.PetitionID(id), token.PurposeEQ(token.PurposeEDIT)).Order(token.ByID()).First(ctx)
	if ent.IsNotFound(err) { // it was removed
		return "", nil
	}
	if err != nil {
		return "", err
	}
	// A time in the future is from a wrong clock: the age of the key is unknown.
	if age := s.opt.Now().Sub(row.CreatedAt); age < -database.MaxSkew || age >= tokenIsRepeated {
		return "", nil
	}
	draft, err := s.lookup.Petition.Query().Where(petition.ID(id), petition.StateEQ(petition.StateDRAFT)).Exist(ctx)
	if err != nil || !draft {
		return "", err
	}
	return s.opt.Keys.EditToken(id, row.ID), nil
}

// issueEditToken makes the edit token of a new petition. The id of its row is what it is derived from, so that
// repeatedToken can make it again; its hash alone is stored.
func (s *Service) issueEditToken(ctx context.Context, t *tx, petition uuid.UUID, now time.Time) (string, error) {
	nonce := newID()
	bearer := s.opt.Keys.EditToken(petition, nonce)
	return bearer, t.Token.Create().SetID(nonce).SetHash(secret.Hash(bearer)).SetPurpose(token.PurposeEDIT).
		SetPetitionID(petition).SetCreatedAt(now).Exec(ctx)
}
