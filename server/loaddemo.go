package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/demo"
	"petitiond/server/petitioning"
)

// loadDemo loads the demo content into an empty database, and does nothing in another. The ledger must be running,
// since the demo's signatures are counted like all others.
func (c *core) loadDemo(ctx context.Context) error {
	// Looked at again by each start with PETITION_DEMO, which must not add to what people have written since.
	empty, err := c.domain.Empty(ctx)
	if err != nil || !empty {
		return err
	}
	list, err := demo.Petitions(c.db.Clock.Now())
	if err != nil {
		return fmt.Errorf("reading the demo content: %w", err)
	}
	signatures := 0
	for _, p := range list {
		if _, err := c.domain.Import(ctx, imported(p)); err != nil {
			return fmt.Errorf("loading the demo content: %w", err)
		}
		signatures += len(p.Signatures)
	}
	c.log.Info("loaded the demo content", "petitions", len(list), "signatures", signatures)
	// Now, so that the first visitor finds the lists in order, and not a second later.
	return c.domain.RankAll(ctx)
}

// imported translates a petition of the demo content for the domain, which takes it as it is, with its times and its
// state.
func imported(p demo.Petition) petitioning.Imported {
	in := petitioning.Imported{
		ID: demoID(p),
		Draft: petitioning.Draft{
			Title: p.Title, Summary: &p.Summary, Body: p.Body, Language: &p.Language, Addressees: p.Addressees, Tags: p.Tags,
			Goal: &p.Goal, Petitioner: p.Petitioner,
		},
		State: petition.State(p.State), CreatedAt: p.CreatedAt,
		StartsAt: present(p.StartsAt), EndsAt: p.EndsAt, ClosedAt: p.ClosedAt,
		Comments: importedComments(p.Comments),
	}
	if p.Outcome != "" {
		outcome := petition.Outcome(p.Outcome)
		in.Outcome = &outcome
	}
	for _, s := range p.Signatures {
		in.Signatures = append(in.Signatures, petitioning.ImportedSignature(s))
	}
	return in
}

// demoID returns a UUIDv7 of the time when the petition was created, with the rest derived from its title. A demo
// petition thus has the same id in every database, and the examples of the README can name it.
func demoID(p demo.Petition) uuid.UUID {
	sum := sha256.Sum256([]byte(p.Title))
	id := uuid.UUID(sum[:16])
	binary.BigEndian.PutUint64(id[:8], uint64(p.CreatedAt.UnixMilli())<<16|uint64(binary.BigEndian.Uint16(sum[16:])))
	id[6] = id[6]&0x0f | 0x70 // version 7
	id[8] = id[8]&0x3f | 0x80 // RFC 9562
	return id
}

// importedComments translates comments with their replies, which are of the same kind.
func importedComments(list []demo.Comment) []petitioning.ImportedComment {
	out := make([]petitioning.ImportedComment, len(list))
	for i, c := range list {
		out[i] = petitioning.ImportedComment{
			FromSignatory: c.FromSignatory, Body: c.Body, At: c.At, Replies: importedComments(c.Replies),
		}
		if c.Author != "" {
			out[i].Author = &c.Author
		}
	}
	return out
}

// present returns nil for the zero time, which stands for no time at all.
func present(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
