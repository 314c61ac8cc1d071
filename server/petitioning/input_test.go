package petitioning_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/petitioning"
)

// TestDigestedInputs pins how the inputs that take an idempotency key are written down for its digest. A request that
// is repeated after an update of the program must have the same digest as before: a new optional field is left out
// where it is absent, by the tag json:",omitempty", and changes nothing here.
func TestDigestedInputs(t *testing.T) {
	t.Parallel()
	goal, text := 7, "x"
	for want, input := range map[string]any{
		`{"Title":"T","Summary":null,"Body":"B","Language":null,"Addressees":null,"Tags":null,"Goal":null,"StartsAt":null,` +
			`"EndsAt":null,"Petitioner":"P","PetitionerEmail":null}`: petitioning.Draft{Title: "T", Body: "B", Petitioner: "P"},
		`{"Title":"T","Summary":"x","Body":"B","ImageURL":"x","Language":"x","Addressees":["A"],"Tags":["C"],"Goal":7,"StartsAt":null,` +
			`"EndsAt":null,"Petitioner":"P","PetitionerEmail":"x"}`: petitioning.Draft{
			IdempotencyKey: &text, Title: "T", Summary: &text, Body: "B", ImageURL: &text, Language: &text, Addressees: []string{"A"},
			Tags: []string{"C"}, Goal: &goal, Petitioner: "P", PetitionerEmail: &text,
		},
		`{"Petition":"00000000-0000-0000-0000-000000000000","Name":"N","Email":"E","Country":null,"ShowName":false,"Comment":null,` +
			`"StatementVersion":null,"Locale":null}`: petitioning.Signing{IdempotencyKey: &text, Name: "N", Email: "E"},
		`{"Petition":"00000000-0000-0000-0000-000000000000","Parent":null,"Body":"B","AuthorName":null}`: petitioning.Remark{
			IdempotencyKey: &text, Petition: uuid.Nil, Body: "B",
		},
	} {
		got, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%T is digested as\n%s\nand was as\n%s\nA key of before an update would be answered IDEMPOTENCY_MISMATCH.", input, got, want)
		}
	}
}
