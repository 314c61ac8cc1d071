package pages

import (
	"html/template"
	"time"
)

// Site contains the numbers of the whole site.
type Site struct {
	Petitions  int // public ones
	Open       int
	Signatures int
	LastHour   int // signatures of the last hour
}

// Listing is what a page of the start page shows.
type Listing struct {
	Cards []Card
	Next  string // the place after which the next page begins; empty if there is none
	Site  Site
}

// Card is a petition as a list shows it.
type Card struct {
	ID         string // as in the API
	Slug       string
	Title      string
	Summary    string
	Petitioner string
	Language   string // BCP 47; und if it is not known
	Signatures int
	Goal       int
	Tags       []string // labels
}

// Petition is a petition as its page shows it. State and Outcome have the names that the API gives them.
type Petition struct {
	Card
	BodyHTML    template.HTML // sanitised
	ImageURL    string        // for previews of links alone: the page loads no picture; empty if there is none
	Addressees  []string
	State       string
	Outcome     string // empty if there is none
	StartsAt    *time.Time
	EndsAt      *time.Time
	ClosedAt    *time.Time
	Comments    []Comment   // the newest first
	Signatories []Signatory // the newest first
	Accepting   bool        // whether it can be signed now
	ByMail      bool        // whether a mailbox has to confirm a signature
}

// Comment is a comment on a petition.
type Comment struct {
	Author        string // empty if anonymous
	FromSignatory bool
	Body          string // plain text
	At            time.Time
	Replies       []Comment // the earliest first
}

// Signatory is a signatory whose name is public.
type Signatory struct {
	Number  int
	Name    string // empty if it cannot be read
	Country string // two letters; empty if it is not stated
	At      time.Time
}
