package live

import (
	"time"

	"github.com/google/uuid"
)

// Value is the newest known state of one petition. A partial one, with a zero Version, Comment or Edition, says
// nothing of that aspect.
type Value struct {
	Petition uuid.UUID

	Total    int       // signatures that count
	Goal     int       // signatures hoped for
	LastHour int       // signatures of the hour before AsOf, or of the last hour when it was read
	Version  int64     // grows with every change of Total or Goal; zero: the counts are not told
	AsOf     time.Time // when Version was written

	Comment int // number of the newest comment in its petition; zero: none, or not told
	Edition int // version of the petition's text and state; zero: not told
}

// Aspect is a set of things that may change about a petition and wake its watchers.
type Aspect uint8

// The aspects of a petition.
const (
	Count    Aspect = 1 << iota // Total, Goal or LastHour, with a new Version
	Comments                    // a newer Comment
	Edition                     // a higher Edition

	aspects = iota
)

// merge takes over what is newer in n and tells which aspects changed. Merging is commutative and repeatable,
// so the order in which news arrive does not matter.
func (v *Value) merge(n Value) Aspect {
	var changed Aspect
	if n.Version > v.Version {
		v.count(n)
		changed |= Count
	}
	if n.Comment > v.Comment {
		v.Comment = n.Comment
		changed |= Comments
	}
	if n.Edition > v.Edition {
		v.Edition = n.Edition
		changed |= Edition
	}
	return changed
}

// count takes over the counts of n.
func (v *Value) count(n Value) {
	v.Total, v.Goal, v.LastHour, v.Version, v.AsOf = n.Total, n.Goal, n.LastHour, n.Version, n.AsOf
}
