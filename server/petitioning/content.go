package petitioning

import (
	"slices"

	"petitiond/ent"
	"petitiond/server/fields"
	"petitiond/server/text"
)

// content is what a petition says, checked: the fields of its row, and what stands beside it.
type content struct {
	row  ent.Petition // whose address is not sealed yet
	tags []text.Tag
	goal int
}

// set checks what is given for a field, and takes it. Nil is none.
func (c *content) set(f *faults, field fields.Field, given any) {
	if given != nil && field.Check != nil {
		clean, faults := field.Check(given)
		for _, fault := range faults {
			f.add(fault.Message, append([]string{field.Name}, fault.Path...)...)
		}
		given = clean
	}
	field.Set(&c.row, given)
}

// equal reports whether an edit has left everything that can be edited as it was.
func (c content) equal(o content) bool {
	for _, field := range fields.All {
		if field.Change != fields.Never && !field.Same(&c.row, &o.row) {
			return false
		}
	}
	return c.goal == o.goal && c.taggedAs(o)
}

// taggedAs reports whether two contents have the same tags, however they are spelled.
func (c content) taggedAs(o content) bool {
	return slices.EqualFunc(c.tags, o.tags, func(a, b text.Tag) bool { return a.Key == b.Key })
}

// assign writes the fields that may be edited into a row's mutation: each once, since PostgreSQL takes one assignment of
// a column.
func (c content) assign(to *ent.PetitionMutation) error {
	for _, field := range fields.All {
		if field.Change == fields.Never {
			continue
		}
		var err error
		if value := field.Value(&c.row); value != nil {
			err = to.SetField(field.Column, value)
		} else {
			err = to.ClearField(field.Column)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
