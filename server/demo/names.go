package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/goccy/go-yaml"
)

// roll contains names that are common in one language. Any given name is combined with any family name, so names whose
// form depends on the gender are left out.
type roll struct {
	Form   string // how {given} and {family} are combined
	Given  []string
	Family []string
}

// register contains the rolls by language, without region or script. Signatories from abroad get names in the
// petition's language too.
type register map[string]roll

// readRegister reads the names, and refuses unknown keys as typing errors.
func readRegister() (register, error) {
	text, err := files.ReadFile("names.yaml")
	if err != nil {
		return nil, fmt.Errorf("read the names: %w", err)
	}
	var r register
	if err := yaml.UnmarshalWithOptions(text, &r, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("parse the names: %w", err)
	}
	return r, nil
}

// of returns the roll for a language tag of BCP 47.
func (r register) of(tag string) (roll, error) {
	language, _, _ := strings.Cut(tag, "-")
	names, ok := r[language]
	if !ok {
		return roll{}, fmt.Errorf("no names for the language %s", language)
	}
	return names, nil
}

// draw combines a random given name with a random family name, in the order that is usual in the language.
func (r roll) draw(rng *rand.Rand) string {
	return strings.NewReplacer(
		"{given}", r.Given[rng.IntN(len(r.Given))],
		"{family}", r.Family[rng.IntN(len(r.Family))],
	).Replace(r.Form)
}
