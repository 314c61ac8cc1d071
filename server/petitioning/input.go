package petitioning

import (
	"time"

	"github.com/google/uuid"
)

// Draft is the input for a new petition.
type Draft struct {
	IdempotencyKey  *string `json:"-"`
	Title           string
	Summary         *string
	Body            string
	ImageURL        *string `json:",omitempty"` // keeps the digest of inputs from earlier versions
	Language        *string
	Addressees      []string
	Tags            []string
	Goal            *int
	StartsAt        *time.Time
	EndsAt          *time.Time
	Petitioner      string
	PetitionerEmail *string
}

// Update is an edit of a petition. A nil field stays as it is.
type Update struct {
	Petition   uuid.UUID
	Version    int
	Title      *string
	Summary    *string
	Body       *string
	ImageURL   **string // a nil inside clears it
	Addressees *[]string
	Tags       *[]string
	Goal       *int
	EndsAt     **time.Time // a nil inside clears it
	Nulls      []string    // fields other than endsAt that were given as null
}
