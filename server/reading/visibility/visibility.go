// Package visibility makes sure that nothing is read without the condition under which its viewer may see it. A
// [Source] runs only values of type [Statement]. A Statement consists of a text and a condition that only a [Viewer]
// can make, and the text must contain a place for the condition. Statements whose rows are shown to nobody are made
// with [Unshown], which makes them easy to find.
package visibility

import (
	"strings"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/state"
)

// Viewer is what matters here about the person who is looking. The zero Viewer is anybody.
type Viewer struct {
	All bool        // sees every petition
	Own []uuid.UUID // petitions that the viewer sees in every state
}

// Seen is the condition under which a viewer sees what a statement reads.
type Seen struct {
	condition string
	own       string // what a list says of the viewer's own petitions: their ids
}

// The conditions on a signature or comment itself, besides that on its petition.
const (
	publicSignature = `show_name AND state = 'COUNTED' AND `
	publicComment   = `state = 'VISIBLE' AND `
)

// Petitions is the condition for the petitions of a table or alias.
func (v Viewer) Petitions(alias string) Seen { return Seen{condition: v.petitions(alias)} }

// Figures is the condition for numbers, given the column with the id of their petition.
func (v Viewer) Figures(petition string) Seen { return Seen{condition: v.petition(petition)} }

// Signatures is the condition for signatures, given the column with the id of their petition.
func (v Viewer) Signatures(petition string) Seen {
	return Seen{condition: publicSignature + v.petition(petition)}
}

// Comments is the condition for comments, given the column with the id of their petition.
func (v Viewer) Comments(petition string) Seen {
	return Seen{condition: publicComment + v.petition(petition)}
}

// SignatureList is the condition for the signatures of the petition [Parent], which is checked once for the list.
func (v Viewer) SignatureList() Seen { return Seen{condition: publicSignature + v.parent()} }

// CommentList is the condition for the comments of the petition [Parent], which is checked once for the list.
func (v Viewer) CommentList() Seen { return Seen{condition: publicComment + v.parent()} }

// PetitionList is the condition for a list of petitions. A viewer with petitions of their own sees two lists united: at
// [Here] the one that everybody sees, and at [Own] their own. One condition for both would keep databases from walking
// along the index of the first alone, and anybody can become the owner of a draft.
func (v Viewer) PetitionList(alias string) Seen {
	return Seen{condition: v.anybodys().petitions(alias), own: v.own()}
}

// Tags is the condition for the tags of a table or alias: a petition that the viewer sees must have the tag, or tags of
// drafts would be disclosed. How many public ones have it stands beside the tag, since anybody can make many drafts.
func (v Viewer) Tags(alias string) Seen {
	if v.Owns() {
		return Seen{condition: `(` + v.anybodys().tags(alias) + ` OR ` + alias + `.id IN
 (SELECT b.tag_id FROM petition_tags AS b WHERE b.petition_id IN (` + v.own() + `)))`}
	}
	return Seen{condition: v.tags(alias)}
}

// TagList is the condition for a list of tags, like PetitionList.
func (v Viewer) TagList(alias string) Seen {
	return Seen{condition: v.anybodys().tags(alias), own: v.own()}
}

// Open is the condition for what is shown of open petitions only, which everybody sees.
func Open(alias string) Seen { return Seen{condition: alias + `.state = 'OPEN'`} }

// States returns in which of the states the viewer meets petitions among those at [Here], and in which among those at
// [Own]. It only saves work; it protects nothing.
func (v Viewer) States(states []petition.State) (here, own []petition.State) {
	if v.All {
		return states, nil
	}
	for _, one := range states {
		switch {
		case state.Public(one):
			here = append(here, one)
		case v.Owns():
			own = append(own, one)
		}
	}
	return here, own
}

// Owns reports whether there is anything that the viewer sees only by owning it: whether lists have a part at [Own].
func (v Viewer) Owns() bool { return !v.All && len(v.Own) > 0 }

// anybodys is the viewer without petitions of their own.
func (v Viewer) anybodys() Viewer { return Viewer{All: v.All} }

// tags is the condition for tags without those of the viewer's own petitions.
func (v Viewer) tags(alias string) string {
	if v.All {
		return `EXISTS (SELECT 1 FROM petition_tags AS b WHERE b.tag_id = ` + alias + `.id)`
	}
	return alias + `.public_petitions > 0`
}

// petitions is the condition for petitions. Ids are written into it, so that a condition can be compared: equal ones
// may share a reading.
func (v Viewer) petitions(alias string) string {
	if v.All {
		return `TRUE`
	}
	condition := alias + `.state IN ` + state.PublicSQL
	if len(v.Own) == 0 {
		return condition
	}
	return `(` + condition + ` OR ` + alias + `.id IN (` + v.own() + `))`
}

// own lists the ids of the viewer's own petitions.
func (v Viewer) own() string {
	ids := make([]string, len(v.Own))
	for i, id := range v.Own {
		ids[i] = `'` + id.String() + `'`
	}
	return strings.Join(ids, `, `)
}

// petition is the condition for rows with the id of their petition in a column.
func (v Viewer) petition(column string) string {
	return `EXISTS (SELECT 1 FROM petitions AS seen WHERE seen.id = ` + column + ` AND ` + v.petitions(`seen`) + `)`
}

// parent is the condition for a list that belongs to one petition. It is not an EXISTS, which SQLite would turn into a
// join, and then it would have to sort the list.
func (v Viewer) parent() string {
	return `(SELECT TRUE FROM petitions AS seen WHERE seen.id = ` + Parent + ` AND ` + v.petitions(`seen`) + ` LIMIT 1)`
}
