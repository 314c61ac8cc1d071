package graph_test

import (
	"slices"
	"strings"
	"testing"

	"petitiond/server/fields"
)

// TestFieldsOfTheContract compares the table of a petition's fields with what the contract shows of them, and with what
// its inputs take.
func TestFieldsOfTheContract(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		beside []string // what is no field of the row
		has    func(fields.Field) bool
	}{
		"Petition": {
			[]string{
				"bodyHtml", "comments", "commentCount", "count", "goal", "signatureCount", "signatureHistory", "signatures", "tags", "url",
			},
			func(f fields.Field) bool { return !f.Sealed },
		},
		"CreatePetitionInput": {
			[]string{"goal", "idempotencyKey", "tags"},
			func(f fields.Field) bool { return f.Draft },
		},
		"UpdatePetitionInput": {
			[]string{"goal", "id", "tags", "version"},
			func(f fields.Field) bool { return f.Change != fields.Never },
		},
	} {
		declared, shown := slices.Clone(of.beside), []string(nil)
		for _, f := range fields.All {
			if of.has(f) {
				declared = append(declared, f.Name)
			}
		}
		for _, f := range schema().Types[name].Fields {
			if !strings.HasPrefix(f.Name, "__") {
				shown = append(shown, f.Name)
			}
		}
		slices.Sort(declared)
		slices.Sort(shown)
		if !slices.Equal(declared, shown) {
			t.Errorf("%s has\n%v, and the table\n%v", name, shown, declared)
		}
	}
}
