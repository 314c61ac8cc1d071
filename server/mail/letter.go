package mail

import (
	"encoding/json"
	"fmt"
	"time"
)

// Letter is what a mail says, in no language: one of the types below. What people typed is cut to a line of 120
// characters when it is rendered.
type Letter interface {
	// name is that of the letter in the files of messages.
	name() string
	// values are what its texts may name.
	values() values
}

// ConfirmSignature asks a mailbox whether it has signed.
type ConfirmSignature struct {
	Title      string    `json:"title"`
	Petitioner string    `json:"petitioner"`
	Link       string    `json:"link"`
	Code       string    `json:"code"`
	Until      time.Time `json:"until"` // after which what was entered is deleted
}

// Reminder asks once more.
type Reminder ConfirmSignature

// AlreadySigned tells a mailbox that its signature counts already. Nobody else is told.
type AlreadySigned struct {
	Title string `json:"title"`
	Link  string `json:"link"` // to see and change the signature
}

// Confirmed thanks for a signature that now counts.
type Confirmed struct {
	Title  string `json:"title"`
	Number int    `json:"number"`
	Page   string `json:"page"` // of the petition
	Link   string `json:"link"` // to see and change the signature
}

// SignIn lets the owner of a mailbox sign in.
type SignIn struct {
	Link    string `json:"link"`
	Code    string `json:"code"`
	Minutes int    `json:"minutes"` // for which both work: 11 to 99, which all languages count alike
}

// MySignatures lists what was signed with an address, at most MaxSignatures of them.
type MySignatures struct {
	Signatures []SignedPetition `json:"signatures"`
}

// MaxSignatures is how many signatures one letter lists.
const MaxSignatures = 50

// SignedPetition is one of them.
type SignedPetition struct {
	Title string `json:"title"`
	Link  string `json:"link"` // to see and change the signature
}

// LostToken gives petitioners access to their petition again.
type LostToken struct {
	Title string    `json:"title"`
	Link  string    `json:"link"`
	Until time.Time `json:"until"`
}

// Test shows that mail arrives.
type Test struct {
	Link string `json:"link"` // to the site
}

func (ConfirmSignature) name() string { return "confirm" }
func (Reminder) name() string         { return "reminder" }
func (AlreadySigned) name() string    { return "already-signed" }
func (Confirmed) name() string        { return "confirmed" }
func (SignIn) name() string           { return "sign-in" }
func (MySignatures) name() string     { return "signatures" }
func (LostToken) name() string        { return "lost-token" }
func (Test) name() string             { return "test" }

func (l ConfirmSignature) values() values {
	return values{
		"title": typed(l.Title), "petitioner": typed(l.Petitioner), "link": address(l.Link), "code": code(l.Code), "until": day(l.Until),
	}
}

func (l Reminder) values() values { return ConfirmSignature(l).values() }

func (l AlreadySigned) values() values {
	return values{"title": typed(l.Title), "link": address(l.Link)}
}

func (l Confirmed) values() values {
	return values{"title": typed(l.Title), "number": number(l.Number), "page": address(l.Page), "link": address(l.Link)}
}

func (l SignIn) values() values {
	return values{"link": address(l.Link), "code": code(l.Code), "minutes": minutes(l.Minutes)}
}

func (l MySignatures) values() values { return values{"signatures": list(l.Signatures)} }

func (l LostToken) values() values {
	return values{"title": typed(l.Title), "link": address(l.Link), "until": day(l.Until)}
}

func (l Test) values() values { return values{"link": address(l.Link)} }

// letters returns a letter of each type, by its name. New ones each time, since they are filled when an order is read.
func letters() map[string]Letter {
	all := map[string]Letter{}
	for _, l := range []Letter{
		&ConfirmSignature{}, &Reminder{}, &AlreadySigned{}, &Confirmed{}, &SignIn{}, &MySignatures{}, &LostToken{}, &Test{},
	} {
		all[l.name()] = l
	}
	return all
}

// Order is a letter that is to be sent, as it waits for that: it is rendered when it is sent.
type Order struct {
	To          string
	Language    string // BCP 47; that of the site if there are no messages in it
	Unsubscribe string // address at which one request, without a part behind #, ends such mail; empty if there is none
	Letter      Letter
}

// order is an Order in JSON.
type order struct {
	To          string          `json:"to"`
	Language    string          `json:"language,omitempty"`
	Unsubscribe string          `json:"unsubscribe,omitempty"`
	Letter      string          `json:"letter"`
	Data        json.RawMessage `json:"data"`
}

// ErrOrder means that an order cannot be read: it is damaged, or of a later version of the program.
const ErrOrder fault = "the order of a mail cannot be read"

// MarshalJSON writes an order with the name of its letter. By the name and not by the Go type, which may be called
// otherwise in the version that reads it.
func (o Order) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(o.Letter)
	if err != nil {
		return nil, fmt.Errorf("writing the order of a mail: %w", err)
	}
	return json.Marshal(order{o.To, o.Language, o.Unsubscribe, o.Letter.name(), data})
}

// UnmarshalJSON reads an order. Its letter is a pointer to one of the types.
func (o *Order) UnmarshalJSON(text []byte) error {
	var read order
	if json.Unmarshal(text, &read) != nil { // whose error could quote the text
		return ErrOrder
	}
	letter, known := letters()[read.Letter]
	if !known || json.Unmarshal(read.Data, letter) != nil {
		return ErrOrder
	}
	*o = Order{read.To, read.Language, read.Unsubscribe, letter}
	return nil
}
