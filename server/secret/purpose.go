package secret

import "fmt"

// Purpose is what a key is used for. Each purpose has its own keys.
type Purpose uint8

// The purposes. Their names enter the derivation of the keys, so a name must never change: everything that was made
// with its keys would become unreadable. Their numbers do not.
const (
	AddressDigest Purpose = iota // of the addresses that signed, within one petition
	AddressSeal                  // e-mail addresses
	NameSeal                     // names of signatories
	Cursor                       // signs positions in lists
	EditToken                    // tokens that edit a petition
	AdminKey                     // the operator's key in development
	InputDigest                  // of requests with an idempotency key, to compare a repeated one
	CallerDigest                 // of callers, to whom an idempotency key belongs
	AuthorLink                   // links a comment to the signature that it came with
	Fingerprint                  // by which a database recognises its secret
	OutboxSeal                   // what waits to be sent
	purposes
)

var purposeNames = [purposes]string{
	AddressDigest: "address digest",
	AddressSeal:   "address seal",
	NameSeal:      "name seal",
	Cursor:        "cursor",
	EditToken:     "edit token",
	AdminKey:      "admin key",
	InputDigest:   "input digest",
	CallerDigest:  "caller digest",
	AuthorLink:    "author link",
	Fingerprint:   "fingerprint",
	OutboxSeal:    "outbox seal",
}

// String returns the name of the purpose.
func (p Purpose) String() string {
	if p >= purposes {
		return fmt.Sprintf("purpose %d", uint8(p))
	}
	return purposeNames[p]
}
