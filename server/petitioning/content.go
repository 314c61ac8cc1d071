package petitioning

import (
	"slices"

	"petitiond/ent"
	"petitiond/server/fields"
	"petitiond/server/text"
)

// content is the checked text of a petition: the fields of its row, and what is stored beside the row.
type content struct {
	row  ent.Petition // its e-mail address is not encrypted yet
	tags []text.Tag
	goal int
}

// set checks the value given for a field, and sets it. Nil means that none was given.
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
	return c.goal == o.goal && slices.Equal(c.tags, o.tags)
}

// sameTerms reports whether an edit has left everything as it was by which searches find a petition.
func (c content) sameTerms(o content) bool {
	return c.row.Title == o.row.Title && c.row.Summary == o.row.Summary && c.row.Body == o.row.Body && slices.Equal(c.tags, o.tags)
}

// assign writes the fields that may be edited into a row's mutation: each once, since PostgreSQL refuses two
// assignments to a column.
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
