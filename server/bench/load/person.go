package load

import (
	"encoding/base64"
	"strconv"

	"github.com/google/uuid"

	"petitiond/server/idempotency"
	"petitiond/server/ledger"
	"petitiond/server/secret"
)

const country = "EE"

// Person is an invented signatory. Key is the idempotency key with which the attempt can be repeated.
type Person struct{ Name, Address, Key string }

// Somebody returns the person with this number. Each has a different address.
func Somebody(n int64) Person {
	number := strconv.FormatInt(n, 10)
	return Person{
		Name: "Signatory " + number, Address: "signatory-" + number + "@load.example",
		Key: "key-of-the-load-signatory-" + number,
	}
}

// Signature returns a person's signature as the domain passes it to the ledger, sealed and digested with real keys. So
// the rows are as long, and their keys as scattered, as with the whole program.
func (p Person) Signature(keys *secret.Keys, petition uuid.UUID) ledger.Signature {
	id := uuid.Must(uuid.NewV7())
	return ledger.Signature{
		ID: id, Petition: petition, ShowName: true, Country: country,
		Digest:  keys.ShortDigest(secret.AddressDigest, petition[:], []byte(p.Address)),
		Name:    keys.Seal(secret.NameSeal, []byte(p.Name), id[:]),
		Address: keys.Seal(secret.AddressSeal, []byte(p.Address), id[:]),
		Key: &idempotency.Key{
			ID:    base64.RawURLEncoding.EncodeToString(keys.ShortDigest(secret.CallerDigest, []byte(p.Key))),
			Input: keys.ShortDigest(secret.InputDigest, petition[:], []byte(p.Name), []byte(p.Address)),
		},
	}
}
