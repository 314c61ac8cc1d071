package ledger

// A signature belongs to the sums of its minute, its day and its country. Under a crowd many signatures of a batch
// share them; where signatures are spread over many petitions each would move three sums of its own. So a petition may
// have a few signatures that are in no sum yet: the counter says which, by their numbers, and all who read sums add
// these rows. The table unsummed names the petitions that have any. They are summed up by the batch that would leave
// too many, and by Keep after some seconds.

// few is how many signatures of a petition in one batch may be left: more of them share their sums well enough.
const few = 4

// leave leaves the signatures of the running transaction out of the sums, and reports whether it may: together with
// those that were left before they must be fewer than most, and what was taken back stands in sums alone.
func (c *counter) leave(most int) bool {
	if c.taken {
		return false
	}
	left, added := c.unsummedTo-c.unsummedAfter, c.issued-c.begun
	// An earlier version of the program that runs beside gives numbers, too, and sums them at once. Those that are left
	// must be a range that it is not in.
	if left > 0 && c.unsummedTo != c.begun || added > few || left+added >= most {
		return false
	}
	if left == 0 {
		c.unsummedAfter, c.first = c.begun, true
	}
	c.unsummedTo = c.issued
	return true
}
