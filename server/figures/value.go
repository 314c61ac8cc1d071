package figures

import (
	"time"

	"github.com/google/uuid"
)

// Value is what is known of one petition's numbers. A partial one, with a zero Version, Comment or Edition, says
// nothing of that aspect: a commit publishes only what it has changed.
type Value struct {
	Petition uuid.UUID `json:"p"` // short names: replicas send each other values by the dozen

	Total   int       `json:"t,omitzero"` // signatures that count
	Goal    int       `json:"g,omitzero"` // signatures hoped for
	Version int       `json:"v,omitzero"` // grows with every change of Total or Goal; zero: unsigned yet, or the counts are not told
	AsOf    time.Time `json:"a,omitzero"` // when Version was written

	// LastHour is the number of signatures added, less those taken back, in the minute in which it was summed and the 59
	// before. It is the one number that changes without a new Version: it falls as time passes. It is nil where it has not
	// been summed, and what it points to never changes.
	LastHour *int `json:"h,omitzero"`

	Comment int `json:"c,omitzero"` // number of the newest comment in its petition; zero: none, or not told
	Edition int `json:"e,omitzero"` // version of the petition's text and state; zero: not told

	// Gone is set in the last value for a watcher who can no longer see the petition. It depends on who watches, and so it
	// is never sent to other replicas.
	Gone bool `json:"-"`
}

// Progress is the part of the goal that is reached; it goes past 1 with the goal.
func (v *Value) Progress() float64 { return float64(v.Total) / float64(v.Goal) }

// Aspect is a set of things that may change about a petition and wake its watchers.
type Aspect uint8

// The aspects of a petition.
const (
	Count    Aspect = 1 << iota // Total or Goal, with a new Version
	Comments                    // a newer Comment
	Edition                     // a higher Edition
	Hour                        // LastHour, with a new Version or without one

	// Aspects is how many there are.
	Aspects = iota
)

// Merge takes over what is newer in n, which is of the same petition, and returns which aspects changed. Merging is
// commutative and repeatable, so the order in which values arrive does not matter, nor whether one comes twice.
func (v *Value) Merge(n Value) Aspect {
	var changed Aspect
	if n.Version > v.Version {
		changed |= Count | v.count(n)
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

// Refresh is Merge for a complete value that was read: at the same version its last hour may be another one, since
// hours pass without a new version, and a new petition has counts at version zero.
func (v *Value) Refresh(n Value) (changed Aspect) {
	if n.Version == v.Version {
		changed = v.count(n)
	}
	return changed | v.Merge(n)
}

// count takes over the counts of n, and returns Hour if the last hour is another one.
func (v *Value) count(n Value) (changed Aspect) {
	if !v.SameHour(n) {
		changed = Hour
	}
	v.Total, v.Goal, v.LastHour, v.Version, v.AsOf = n.Total, n.Goal, n.LastHour, n.Version, n.AsOf
	return changed
}

// SameHour reports whether two values say the same of the last hour.
func (v *Value) SameHour(n Value) bool {
	if v.LastHour == nil || n.LastHour == nil {
		return v.LastHour == n.LastHour
	}
	return *v.LastHour == *n.LastHour
}
