package petitioning

import (
	"time"

	"github.com/google/uuid"

	"petitiond/server/text"
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
	ImageURL   **string // a nil or a blank text inside clears it
	Addressees *[]string
	Tags       *[]string
	Goal       *int
	EndsAt     **time.Time // a nil or a zero time inside clears it
	Nulls      []string    // fields other than endsAt that were given as null
}

// filled returns an optional text, or nil if it was left blank.
func filled(s *string) *string {
	if s == nil || text.IsBlank(*s) {
		return nil
	}
	return s
}

// isBlank reports whether a value is that of a field that was left blank: a text of which nothing is seen, or the zero
// time.
func isBlank(value any) bool {
	switch value := value.(type) {
	case string:
		return text.IsBlank(value)
	case time.Time:
		return value.IsZero()
	}
	return false
}
