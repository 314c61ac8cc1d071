package graph

import (
	"petitiond/ent"
	"petitiond/server/eventmark"
	"petitiond/server/figures"
	"petitiond/server/reading"
)

// The marks of events: which event replaces which, and the version by which a client that reconnects is not sent what
// it has. An event stream sends the version as its id; an event without one has no id.

// mark returns the mark of a value. A client that reconnects is not sent a version that it has, unless the versions
// are those of several petitions, or the last hour is selected and may have fallen since that version was written.
func (c *counting) mark(v *figures.Value) eventmark.Mark {
	// A newer value of a petition takes the place of an older one that was not sent yet.
	m := eventmark.Mark{Topic: v.Petition.String(), Denied: v.Gone}
	if len(c.shares) == 1 && (!bool(c.hours) || c.Reading.IsFresh(*v)) {
		m.Version = int64(v.Version)
	}
	return m
}

// editionMark returns the mark of a petition that has changed.
func editionMark(row *ent.Petition) eventmark.Mark {
	return eventmark.Mark{Topic: row.ID.String(), Version: int64(row.Version)}
}

// statisticsMark returns the mark of the numbers of the site, which have no version.
func statisticsMark(*reading.Statistics) eventmark.Mark { return eventmark.Mark{Topic: "statistics"} }
