// Package fields declares what a petition's row holds, each field once. From this table come the columns that are read
// and how they are scanned, the columns that a field of the API needs, what a draft and an edit may give, what is
// checked, compared and written, what may be null, and what stays as it is once somebody has signed.
//
// Tags, goal and counts have tables of their own; they are no fields of the row.
package fields

import (
	"petitiond/ent"
	"petitiond/ent/petition"
	"petitiond/server/text"
)

// Change says when the petitioner may change a field.
type Change int

// The times.
const (
	Never       Change = iota // the server alone sets it, or it is given once
	UntilSigned               // until somebody has signed
	Always                    // as long as the petition is edited at all
)

// Field is a field of a petition's row.
type Field struct {
	Column string
	Name   string                  // in the API
	Makes  []string                // other fields of the API that are made of the column
	In     func(*ent.Petition) any // where it stands in a row: a pointer
	Wide   bool                    // read only where it is asked for by itself
	Sealed bool                    // shown to nobody, and written sealed
	Draft  bool                    // given when a petition is created

	Required bool // a draft must give it: one that is blank is judged like any other
	Change   Change
	Null     bool // an edit may take it away
	Absent   any  // what a draft means that leaves it out; nil: none

	// Check cleans what was given and says what is wrong with it; nil takes everything.
	Check func(given any) (clean any, faults []Fault)
}

// Fault is what is wrong with a field, or with one of its elements.
type Fault struct {
	Message string
	Path    []string // beneath the field
}

// All are the fields, in the order in which what is wrong with an input is told.
var All = []Field{
	{Column: petition.FieldID, Name: "id", In: func(p *ent.Petition) any { return &p.ID }},
	{Column: petition.FieldSlug, Name: "slug", Makes: []string{"url"}, In: func(p *ent.Petition) any { return &p.Slug }},
	{
		// Until somebody has signed: what people have signed is what they have read.
		Column: petition.FieldTitle, Name: "title", In: func(p *ent.Petition) any { return &p.Title },
		Draft: true, Required: true, Change: UntilSigned, Check: checked(title),
	},
	{
		Column: petition.FieldSummary, Name: "summary", In: func(p *ent.Petition) any { return &p.Summary },
		Draft: true, Change: UntilSigned, Absent: "", Check: checked(summary),
	},
	{
		// It may be longer than all else on a page of a list, and lists leave it out.
		Column: petition.FieldBody, Name: "body", In: func(p *ent.Petition) any { return &p.Body }, Wide: true,
		Draft: true, Required: true, Change: UntilSigned, Check: checked(body),
	},
	{
		Column: petition.FieldImageURL, Name: "imageUrl", In: func(p *ent.Petition) any { return &p.ImageURL },
		Draft: true, Change: UntilSigned, Null: true, Check: checked(imageURL),
	},
	{
		// It stays as it was given: people sign a petition of somebody.
		Column: petition.FieldPetitioner, Name: "petitioner", In: func(p *ent.Petition) any { return &p.Petitioner },
		Draft: true, Required: true, Check: checked(text.CheckPetitioner),
	},
	{
		Column: petition.FieldLanguage, Name: "language", In: func(p *ent.Petition) any { return &p.Language },
		Draft: true, Absent: "und", Check: checked(text.CheckLocale), // BCP 47 for undetermined
	},
	{
		// Nobody is shown it; it is how the site can reach the petitioner.
		Column: petition.FieldPetitionerAddress, Name: "petitionerEmail", Sealed: true,
		In: func(p *ent.Petition) any { return &p.PetitionerAddress }, Draft: true, Check: checkAddress,
	},
	{
		Column: petition.FieldAddressees, Name: "addressees", In: func(p *ent.Petition) any { return &p.Addressees },
		Draft: true, Change: UntilSigned, Absent: []string{}, Check: checkAddressees,
	},
	{Column: petition.FieldState, Name: "state", In: func(p *ent.Petition) any { return &p.State }},
	{Column: petition.FieldOutcome, Name: "outcome", In: func(p *ent.Petition) any { return &p.Outcome }},
	{Column: petition.FieldStartsAt, Name: "startsAt", In: func(p *ent.Petition) any { return &p.StartsAt }, Draft: true},
	{
		// When a petition ends is no part of what people sign, so that it may change after they have.
		Column: petition.FieldEndsAt, Name: "endsAt", In: func(p *ent.Petition) any { return &p.EndsAt },
		Draft: true, Change: Always, Null: true,
	},
	{Column: petition.FieldClosedAt, Name: "closedAt", In: func(p *ent.Petition) any { return &p.ClosedAt }},
	{Column: petition.FieldCreatedAt, Name: "createdAt", In: func(p *ent.Petition) any { return &p.CreatedAt }},
	{Column: petition.FieldUpdatedAt, Name: "updatedAt", In: func(p *ent.Petition) any { return &p.UpdatedAt }},
	{
		Column: petition.FieldVersion, Name: "version", Makes: []string{"bodyHtml"}, // which is kept by version
		In: func(p *ent.Petition) any { return &p.Version },
	},
}
