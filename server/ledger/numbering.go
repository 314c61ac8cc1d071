package ledger

import "github.com/google/uuid"

// next gives the next number. Numbers have no gaps and are never given again: the counter is locked until the
// transaction ends and is written with the rows, so that a number whose row is not committed was not given either, and
// issued never falls, not even when signatures are taken back.
func (c *counter) next() int {
	c.issued++
	return c.issued
}

// number gives a new signature its number, unless it has to wait for its mailbox.
func (c *counter) number(s *signatureRow) {
	if s.fresh = true; s.Waiting == nil {
		s.number = c.next()
	}
}

// comment gives a comment its number and adds it to the figures.
func (c *counter) comment(r *commentRow) {
	c.commentsIssued++
	c.commented = true
	r.number = c.commentsIssued
	c.comments++
	if r.Parent == nil {
		c.threads++
	} else {
		if c.answers == nil {
			c.answers = map[uuid.UUID]int{}
		}
		c.answers[*r.Parent]++
	}
	c.moved = true
}
