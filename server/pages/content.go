package pages

import (
	"html/template"
	"time"
)

// Site holds the numbers of the whole site.
type Site struct {
	Petitions  int // public ones
	Open       int
	Signatures int
	LastHour   int // signatures of the last hour
}

// Card is what a list shows of a petition.
type Card struct {
	ID         string // the public one
	Slug       string
	Title      string
	Summary    string
	Petitioner string
	Language   string // BCP 47; und if nobody said
	Signatures int
	Goal       int
	Tags       []string // labels
}

// Petition is what the page of a petition shows. State and Outcome are named
// as in the API.
type Petition struct {
	Card
	BodyHTML    template.HTML // sanitised
	Addressees  []string
	State       string
	Outcome     string // empty as long as there is none
	StartsAt    *time.Time
	EndsAt      *time.Time
	ClosedAt    *time.Time
	Comments    []Comment   // the newest first
	Signatories []Signatory // the newest first
	Accepting   bool        // whether it can be signed now
}

// Comment is what somebody said below a petition.
type Comment struct {
	Author        string // empty if anonymous
	FromSignatory bool
	Body          string // plain text
	At            time.Time
	Replies       []Comment // the earliest first
}

// Signatory is somebody whose name is public.
type Signatory struct {
	Number  int
	Name    string // empty if it cannot be read
	Country string // two letters; empty if it was not told
	At      time.Time
}
