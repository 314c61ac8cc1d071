package secret

import "fmt"

// Purpose is what a key is used for. Each purpose has its own keys.
type Purpose uint8

// The purposes. Their names enter the derivation of the keys, so a name must never change: everything that was made
// with its keys would become unreadable. Their numbers do not.
const (
	AddressDigest  Purpose = iota // of the addresses that signed, within one petition
	AddressSeal                   // e-mail addresses
	NameSeal                      // names of signatories
	Cursor                        // signs positions in lists
	EditToken                     // tokens that edit a petition
	AdminKey                      // the operator's key in development
	InputDigest                   // of requests with an idempotency key, to compare a repeated one
	CallerDigest                  // of callers, to whom an idempotency key belongs
	AuthorLink                    // links a comment to the signature that it came with
	Fingerprint                   // by which a database recognises its secret
	OutboxSeal                    // what waits to be sent
	SignatureToken                // tokens by which a mailbox confirms and withdraws a signature
	SignatureCode                 // codes by which it confirms, too
	ReasonSeal                    // reasons for signing, until the signature counts
	MailboxDigest                 // of addresses to which mail was sent, on one day
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

	SignatureToken: "signature token",
	SignatureCode:  "signature code",
	ReasonSeal:     "reason seal",
	MailboxDigest:  "mailbox digest",
}

// String returns the name of the purpose.
func (p Purpose) String() string {
	if p >= purposes {
		return fmt.Sprintf("purpose %d", uint8(p))
	}
	return purposeNames[p]
}
