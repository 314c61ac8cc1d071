package secret

import "fmt"

// Purpose is what a key is for. Each has keys of its own.
type Purpose uint8

// The purposes. Their names, not their numbers, enter the keys: never change a name.
const (
	AddressDigest Purpose = iota // which address signed, within one petition
	AddressSeal                  // e-mail addresses
	NameSeal                     // names of signatories
	Cursor                       // places in lists
	EditToken                    // tokens that edit a petition
	AdminKey                     // the operator's key in development
	InputDigest                  // is a repeated request the same
	CallerDigest                 // whose idempotency key it is
	AuthorLink                   // which comment came with a signature
	Fingerprint                  // what a database keeps of the secret it belongs to
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
}

// String names the purpose.
func (p Purpose) String() string {
	if p >= purposes {
		return fmt.Sprintf("purpose %d", uint8(p))
	}
	return purposeNames[p]
}
