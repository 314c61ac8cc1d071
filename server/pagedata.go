package main

import (
	"context"
	"errors"
	"html/template"
	"net/http"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/graph/scalar"
	"petitiond/server/keyset"
	"petitiond/server/pages"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/signing"
	"petitiond/server/state"
	"petitiond/server/text"
	"petitiond/server/transport"
)

// What the HTML pages show of long lists.
const (
	startPetitions  = 24
	pageComments    = 20
	pageSignatories = 20
	pageReplies     = 64 << 10 // bytes of all that are shown: those of twenty comments could be longer than all else
)

// webPages returns the HTML pages. Except for previews they show what anybody may see, so one rendering serves
// everybody.
func (a *App) webPages() (http.Handler, error) {
	return pages.New(pages.Options{
		PublicURL: a.config.PublicURL, Logger: a.log, GraphiQL: a.graphiQL(),
		Petitions: a.startPage, Petition: a.petitionPage, Preview: a.previewPage, Slug: text.SlugMeant, Share: a.sharePage,
		IsPassing: petitioning.IsPassing, Outbox: a.mailing.kept(),
		Mailbox: &pages.Mailbox{
			Signature: a.mailboxPage(a.domain.Mailed), Confirm: a.mailboxPage(a.domain.Confirm),
			Withdraw: func(ctx context.Context, token string) (string, error) {
				return forPerson(a.domain.Withdraw(ctx, token))
			},
			Own: func(ctx context.Context, token string) (*pages.OwnSignature, string, error) {
				own, err := a.domain.OwnOf(ctx, token)
				return a.ownPage(ctx, own, err)
			},
			Amend: func(ctx context.Context, token string, m pages.Amendment) (*pages.OwnSignature, string, error) {
				own, err := a.domain.Amend(ctx, token, signing.Amendment(m))
				return a.ownPage(ctx, own, err)
			},
		},
	})
}

// sharePage lets a page be rendered as the answer of a query is computed: once for everybody, when there is room.
func (a *App) sharePage(ctx context.Context, name string, render pages.Render, send func(*pages.Page, string)) error {
	return a.transport.Share(ctx, name, func(ctx context.Context) (transport.Page, bool) {
		return render(ctx)
	}, func(page transport.Page, status string) {
		send(page.(*pages.Page), status) //nolint:forcetypeassert // no others are shared
	})
}

// startPage returns a page of the open petitions, the liveliest first.
func (a *App) startPage(ctx context.Context, after string) (*pages.Listing, error) {
	first := startPetitions
	// By trend and not by count: the same few petitions would always lead.
	list, err := a.anybody().Petitions(ctx, reading.PetitionQuery{
		Order: &reading.Order{Field: reading.ByTrending, Direction: reading.Desc},
		// No body: cards have none, and it is the longest column.
		Selection: reading.Selection{Figures: true},
	}, keyset.Args{First: &first, After: &after})
	if bad := (*keyset.ArgumentError)(nil); errors.As(err, &bad) {
		return nil, nil //nolint:nilnil // no page begins there
	}
	if err != nil {
		return nil, err
	}
	cards, err := cardsOf(ctx, a.anybody(), list.Nodes(), list.Figures())
	if err != nil {
		return nil, err
	}
	listing := &pages.Listing{Cards: cards}
	if list.PageInfo.HasNextPage {
		listing.Next = orNone(list.PageInfo.EndCursor())
	}
	// Summed for everybody by one reader, and so cheap here.
	all, err := a.reading.Statistics(ctx)
	listing.Site = pages.Site{
		Petitions: all.PetitionCount, Open: all.OpenPetitionCount, Signatures: all.SignatureCount, LastHour: all.SignaturesLastHour,
	}
	return listing, err
}

// cardsOf puts petitions on cards, with their tags, which are read for all at once.
func cardsOf(
	ctx context.Context, from *reading.Reader, rows []*ent.Petition, figures map[uuid.UUID]*reading.Figures,
) ([]pages.Card, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	tags, err := from.TagsOf(ctx, ids)
	out := make([]pages.Card, 0, len(rows))
	for _, row := range rows {
		out = append(out, card(row, figures[row.ID], tags[row.ID]))
	}
	return out, err
}

// card translates one petition. Labels and not keys of tags are shown: they are what people typed.
func card(row *ent.Petition, f *reading.Figures, tags []*ent.Tag) pages.Card {
	c := pages.Card{
		ID: scalar.NewID(scalar.Petition, row.ID).String(), Slug: row.Slug, Title: row.Title, Summary: row.Summary,
		Petitioner: row.Petitioner, Language: row.Language, Signatures: f.Total, Goal: f.Goal,
	}
	for _, t := range tags {
		c.Tags = append(c.Tags, t.Label)
	}
	return c
}

// petitionPage returns what everybody sees of a petition.
func (a *App) petitionPage(ctx context.Context, slug string) (*pages.Petition, error) {
	return a.petition(ctx, a.anybody(), slug)
}

// previewPage returns what those who have an edit token see. Other credentials do not belong into an address: with them
// one sees what everybody sees.
func (a *App) previewPage(ctx context.Context, slug, token string) (*pages.Petition, error) {
	actor, err := a.domain.Editor(ctx, token)
	switch {
	case errors.Is(err, petitioning.ErrUnauthenticated):
		return a.petitionPage(ctx, slug)
	case err != nil:
		return nil, err
	}
	return a.petition(ctx, a.reading.As(actor.Viewer()), slug)
}

// petition returns everything that the page of one petition shows, or nil where there is none to be seen: of a hidden
// petition nobody is told that it exists.
func (a *App) petition(ctx context.Context, from *reading.Reader, slug string) (*pages.Petition, error) {
	found, err := from.PetitionBySlug(ctx, slug, reading.Selection{Figures: true, Body: true})
	if err != nil || len(found.Rows) == 0 {
		return nil, err
	}
	cards, err := cardsOf(ctx, from, found.Rows, found.Figures)
	if err != nil {
		return nil, err
	}
	row := found.Rows[0]
	page := &pages.Petition{
		Card: cards[0], Addressees: row.Addressees, State: string(row.State), StartsAt: row.StartsAt, EndsAt: row.EndsAt,
		ClosedAt: row.ClosedAt,
		// The same rule as the domain's, so that no form is shown that would be refused.
		Accepting: state.SignableAt(row.State, row.StartsAt, row.EndsAt, a.db.Clock.Now()),
		ByMail:    a.domain.ConfirmsMailboxes(),
	}
	// Absent and empty are the same to a template.
	if row.Outcome != nil {
		page.Outcome = string(*row.Outcome)
	}
	page.ImageURL = orNone(row.ImageURL)
	// Rendered bodies are kept, so that a page costs what a query for bodyHtml does.
	html, err := a.reading.BodyHTML(ctx, row.ID, row.Version, row.Body)
	if err != nil {
		return nil, err
	}
	page.BodyHTML = template.HTML(html) //nolint:gosec // sanitised by BodyHTML
	return page, a.fill(ctx, from, row.ID, page)
}

// mailboxPage returns what the pages behind links in mails show of a signature that is found or changed by a token.
func (a *App) mailboxPage(
	find func(ctx context.Context, token string) (*ent.Signature, error),
) func(ctx context.Context, token string) (*pages.Signature, string, error) {
	return func(ctx context.Context, token string) (*pages.Signature, string, error) {
		signed, err := find(ctx, token)
		if err != nil {
			fault, err := forPerson(err)
			return nil, fault, err
		}
		out := &pages.Signature{}
		if signed.Number != nil {
			out.Number = *signed.Number
		}
		about, err := a.anybody().PetitionsByID(ctx, []uuid.UUID{signed.PetitionID}, reading.Selection{})
		if err != nil {
			return nil, "", err
		}
		for _, row := range about.Rows { // none, if the petition is not public
			out.Title, out.Slug, out.Language = row.Title, row.Slug, row.Language
		}
		return out, "", nil
	}
}

// ownPage returns what a signatory sees of a signature.
func (a *App) ownPage(ctx context.Context, own *signing.Own, err error) (*pages.OwnSignature, string, error) {
	if err != nil {
		fault, err := forPerson(err)
		return nil, fault, err
	}
	out := &pages.OwnSignature{
		State: string(own.State), Number: own.Number, Name: own.Name, ShowName: own.ShowName, Country: own.Country, SignedAt: own.SignedAt,
		ConfirmedAt: own.ConfirmedAt, Updates: own.Updates, Comment: own.Comment, Statement: own.StatementVersion, Locale: own.Locale,
	}
	about, err := a.anybody().PetitionsByID(ctx, []uuid.UUID{own.PetitionID}, reading.Selection{})
	if err != nil {
		return nil, "", err
	}
	for _, row := range about.Rows { // none, if the petition is not public
		out.Petition = pages.Subject{Title: row.Title, URL: a.reading.URL(row.Slug), Language: row.Language}
	}
	return out, "", nil
}

// forPerson returns what a person can correct as a text. What is wrong with the server stays an error.
func forPerson(err error) (fault string, _ error) {
	faults := petitioning.Faults(err)
	if len(faults) == 0 || faults[0].RetryAfter > 0 {
		return "", err
	}
	return faults[0].Message, nil
}

// fill adds the people: comments and signatories, the newest of each.
func (a *App) fill(ctx context.Context, from *reading.Reader, id uuid.UUID, page *pages.Petition) error {
	// The newest alone: a page is read from its top, and the API has the rest.
	comments, signatories := pageComments, pageSignatories
	list, err := from.Comments(ctx, reading.CommentQuery{Order: reading.Newest, Bodies: reading.WithBodies}, keyset.Args{First: &comments}, id)
	if err != nil {
		return err
	}
	if page.Comments, err = conversation(ctx, from, list[id].Nodes()); err != nil {
		return err
	}
	signed, err := from.Signatures(ctx, keyset.Args{First: &signatories}, id)
	if err != nil {
		return err
	}
	// Every public signature counts, and so has a number.
	for _, s := range signed[id].Nodes() {
		page.Signatories = append(page.Signatories, pages.Signatory{
			Number: *s.Number, Name: orNone(a.reading.SignatoryName(ctx, s)), Country: orNone(s.Country), At: s.SignedAt,
		})
	}
	return nil
}

// conversation returns comments with their first replies, which are read for all at once. Replies are left out once
// those before them have filled the room: how long they are is up to those who write them.
func conversation(ctx context.Context, from *reading.Reader, rows []*ent.Comment) ([]pages.Comment, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	// Without ids there would be a statement all the same.
	if len(ids) == 0 {
		return nil, nil
	}
	replies, err := from.Replies(ctx, reading.WithBodies, keyset.Args{}, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]pages.Comment, len(rows))
	room := pageReplies
	for i, row := range rows {
		out[i] = said(row) // comments themselves always: how many there are is known
		for _, reply := range replies[row.ID].Nodes() {
			if room -= len(reply.Body); room < 0 {
				break
			}
			out[i].Replies = append(out[i].Replies, said(reply))
		}
	}
	return out, nil
}

// said translates a comment.
func said(row *ent.Comment) pages.Comment {
	return pages.Comment{Author: orNone(row.AuthorName), FromSignatory: row.FromSignatory, Body: row.Body, At: row.CreatedAt}
}

// anybody reads what everybody may see.
func (a *App) anybody() *reading.Reader { return a.reading.As(reading.Anybody) }

// orNone returns the string, or an empty one.
func orNone(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
