package live

import (
	"time"

	"github.com/google/uuid"
)

// Value is the newest known state of one petition. A partial one, with a zero Version, Comment or Edition, says
// nothing of that aspect.
type Value struct {
	Petition uuid.UUID `json:"p"` // short names: replicas send each other values by the dozen

	Total    int       `json:"t,omitzero"` // signatures that count
	Goal     int       `json:"g,omitzero"` // signatures hoped for
	LastHour int       `json:"h,omitzero"` // signatures of the hour before AsOf, or of the last hour when it was read
	Version  int64     `json:"v,omitzero"` // grows with every change of Total or Goal; zero: the counts are not told
	AsOf     time.Time `json:"a,omitzero"` // when Version was written

	Comment int `json:"c,omitzero"` // number of the newest comment in its petition; zero: none, or not told
	Edition int `json:"e,omitzero"` // version of the petition's text and state; zero: not told
}

// Merge returns what is newest of two values of one petition.
func Merge(v, n Value) Value {
	v.merge(n)
	return v
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
