package load

import (
	"encoding/base64"
	"strconv"

	"github.com/google/uuid"

	"petitiond/server/ledger"
	"petitiond/server/secret"
)

const country = "EE"

// Person is somebody who signs. Key makes the attempt repeatable.
type Person struct{ Name, Address, Key string }

// Somebody returns the person with a number, each with an address of their own.
func Somebody(n int64) Person {
	number := strconv.FormatInt(n, 10)
	return Person{
		Name: "Signatory " + number, Address: "signatory-" + number + "@load.example",
		Key: "key-of-the-load-signatory-" + number,
	}
}

// Signature returns what the domain makes of a person before it asks the ledger: seals and digests with real keys, so
// that the rows are as long and their keys as scattered as those of the whole program.
func (p Person) Signature(keys *secret.Keys, petition uuid.UUID) ledger.Signature {
	id := uuid.Must(uuid.NewV7())
	return ledger.Signature{
		ID: id, Petition: petition, ShowName: true, Country: country,
		Digest:  keys.ShortDigest(secret.AddressDigest, petition[:], []byte(p.Address)),
		Name:    keys.Seal(secret.NameSeal, []byte(p.Name), id[:]),
		Address: keys.Seal(secret.AddressSeal, []byte(p.Address), id[:]),
		Key: &ledger.Key{
			ID:    base64.RawURLEncoding.EncodeToString(keys.ShortDigest(secret.CallerDigest, []byte(p.Key))),
			Input: keys.ShortDigest(secret.InputDigest, petition[:], []byte(p.Name), []byte(p.Address)),
		},
	}
}
