package main

import (
	"context"
	"fmt"
	"time"

	"petitiond/ent/petition"
	"petitiond/server/database"
	"petitiond/server/demo"
	"petitiond/server/petitioning"
)

// loadDemo puts the demo content into an empty database. The ledger must be at work.
func (c *core) loadDemo(ctx context.Context) error {
	empty, err := c.domain.Empty(ctx)
	if err != nil || !empty {
		return err
	}
	list, err := demo.Petitions(database.Now())
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
	return c.domain.RankAll(ctx)
}

func imported(p demo.Petition) petitioning.Imported {
	in := petitioning.Imported{
		Draft: petitioning.Draft{
			Title: p.Title, Summary: &p.Summary, Body: p.Body, Language: &p.Language, Addressees: p.Addressees, Tags: p.Tags,
			Goal: &p.Goal, Petitioner: p.Petitioner,
		},
		State: petition.State(p.State), CreatedAt: p.CreatedAt, StartsAt: present(p.StartsAt), EndsAt: p.EndsAt, ClosedAt: p.ClosedAt,
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

func importedComments(list []demo.Comment) []petitioning.ImportedComment {
	out := make([]petitioning.ImportedComment, len(list))
	for i, c := range list {
		out[i] = petitioning.ImportedComment{FromSignatory: c.FromSignatory, Body: c.Body, At: c.At, Replies: importedComments(c.Replies)}
		if c.Author != "" {
			out[i].Author = &c.Author
		}
	}
	return out
}

// present gives nil for no time.
func present(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
