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

// TestContractTellsWhatHolds looks for what those who build forms must know to tell it to people: nobody is told by an
// answer that an address had signed before.
func TestContractTellsWhatHolds(t *testing.T) {
	t.Parallel()
	sign := schema().Types["SignPetitionInput"]
	counted := schema().Types["SigningStatus"].EnumValues.ForName("COUNTED")
	for where, text := range map[string]string{
		"SignPetitionInput":          sign.Description,
		"SignPetitionInput.showName": sign.Fields.ForName("showName").Description,
		"SigningStatus.COUNTED":      counted.Description,
		"Mutation.signPetition":      schema().Mutation.Fields.ForName("signPetition").Description,
	} {
		if !strings.Contains(text, "hold") || !strings.Contains(text, "address") {
			t.Errorf("%s does not say whose signature holds: %s", where, text)
		}
	}
}

// TestNullMeansTheDefault finds what has a default and cannot be null.
func TestNullMeansTheDefault(t *testing.T) {
	t.Parallel()
	for _, def := range schema().Types {
		for _, field := range def.Fields {
			if field.DefaultValue != nil && field.Type.NonNull {
				t.Errorf("%s.%s cannot be null and has a default", def.Name, field.Name)
			}
			for _, argument := range field.Arguments {
				if argument.DefaultValue != nil && argument.Type.NonNull && !strings.HasPrefix(def.Name, "__") {
					t.Errorf("the argument %s of %s.%s cannot be null and has a default", argument.Name, def.Name, field.Name)
				}
			}
		}
	}
}
