package reading

import (
	"slices"
	"strings"

	"petitiond/ent/petition"
	"petitiond/server/state"
)

// The conditions under which everybody sees a row beside its petition.
const (
	publicSignature = `show_name AND state = 'COUNTED'`
	publicComment   = `state = 'VISIBLE'`
)

// visible returns the SQL condition under which the viewer sees the petitions of a table or alias. All statements
// take it from here and from nowhere else.
func (s *Reader) visible(petitions string) string {
	if s.viewer.All {
		return `TRUE`
	}
	condition := petitions + `.state IN ` + state.PublicSQL
	if len(s.viewer.Own) == 0 {
		return condition
	}
	ids := make([]string, len(s.viewer.Own))
	for i, id := range s.viewer.Own {
		ids[i] = `'` + id.String() + `'`
	}
	return `(` + condition + ` OR ` + petitions + `.id IN (` + strings.Join(ids, `, `) + `))`
}

// unseen returns the condition under which nobody but its makers and moderators sees a petition of a table or alias.
func unseen(petitions string) string { return petitions + `.state IN ` + state.UnseenSQL }

// visibleStates leaves out the states in which the viewer sees no petition. It saves looking, and guards nothing.
func (s *Reader) visibleStates(states []petition.State) []petition.State {
	if s.viewer.All || len(s.viewer.Own) > 0 {
		return states
	}
	return slices.DeleteFunc(states, func(one petition.State) bool { return !state.Public(one) })
}

// visibleParent is visible for rows that bear the id of their petition.
func (s *Reader) visibleParent(column string) string {
	return `EXISTS (SELECT 1 FROM petitions AS seen WHERE seen.id = ` + column + ` AND ` + s.visible(`seen`) + `)`
}

// visibleList is visible for a list that belongs to one petition: it is asked once. It is no EXISTS, of which SQLite would
// make a join, and then sort the list.
func (s *Reader) visibleList() string {
	return `(SELECT TRUE FROM petitions AS seen WHERE seen.id = ` + parent + ` AND ` + s.visible(`seen`) + ` LIMIT 1)`
}

// borne returns the condition that a petition which the viewer sees bears the tag: nobody learns tags from drafts.
func (s *Reader) borne(tagID string) string {
	return `EXISTS (SELECT 1 FROM petition_tags AS b JOIN petitions AS seen ON seen.id = b.petition_id
 WHERE b.tag_id = ` + tagID + ` AND ` + s.visible(`seen`) + `)`
}
