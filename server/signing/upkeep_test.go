package signing_test

import (
	"fmt"
	"testing"
	"time"

	"petitiond/ent/petition"
	"petitiond/server/mail"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
)

// upkeep does everything that is due, on two replicas at once.
func (s *place) upkeep(t testing.TB, other *sitetest.Site) {
	t.Helper()
	both := []*sitetest.Site{s.Site, other}
	together(4, func(i int) { ok(t, both[i%2].Mailboxes.Remind(t.Context())) })
	together(4, func(i int) { ok(t, both[i%2].Mailboxes.Lapse(t.Context())) })
	together(4, func(i int) { ok(t, both[i%2].Mailboxes.Forget(t.Context())) })
}

// TestReminderAndLapse reminds once after a day, and erases after seven.
func TestReminderAndLapse(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		other := sitetest.New(t, s.DB, sitetest.ByMail)
		var passed time.Duration
		at := func(since time.Duration) {
			t.Helper()
			s.Clock.Advance(since - passed)
			other.Clock.Advance(since - passed)
			passed = since
			s.upkeep(t, other)
		}
		ada, eve := asked(t, s.sign(t, "ada@example.org")), asked(t, s.sign(t, "eve@example.org"))
		at(24*time.Hour - time.Microsecond)
		equal(t, "mails before a day has passed", []string(nil), letters(s.Mails(t)))
		_, err := s.Confirm(t.Context(), ada.Code)
		ok(t, err)
		s.Mails(t)
		at(24 * time.Hour)
		mails := s.Mails(t)
		equal(t, "mails after a day", []string{"Reminder to eve@example.org"}, letters(mails))
		equal(t, "what it asks for", *eve, mail.ConfirmSignature(*mails[0].Letter.(*mail.Reminder)))
		at(2 * 24 * time.Hour)
		at(7*24*time.Hour - time.Microsecond)
		equal(t, "mails after two and seven days", []string(nil), letters(s.Mails(t)))
		equal(t, "that count and wait", [3]int{1, 1, 0}, s.counts(t))
		equal(t, "days that are kept", 0, sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM mailbox_days`))
		at(7 * 24 * time.Hour)
		equal(t, "that count and wait", [3]int{1, 0, 0}, s.counts(t))
		equal(t, "rows", 1, sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM signatures`))
		_, err = s.Confirm(t.Context(), eve.Code)
		faults(t, err, "TOKEN_INVALID token")
		asked(t, s.sign(t, "eve@example.org"))
		s.audit(t)
	})
}

// TestNoReminderInVain reminds nobody who could not confirm any more, or has got enough mail, and looks at each of them
// once.
func TestNoReminderInVain(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		sign := func(adjust func(id petitioning.Created)) {
			t.Helper()
			made := s.MustPublish(t)
			s.MustSign(t, made.Petition, 1, func(in *petitioning.Signing) { in.Email = made.Petition.String() + "@example.org" })
			asked(t, s.Mails(t))
			adjust(made)
		}
		sign(func(c petitioning.Created) { s.Move(t, c.Petition, petition.StateHIDDEN) })
		sign(func(c petitioning.Created) { ok(t, s.Close(sitetest.Operator(t), c.Petition, nil)) })
		sign(func(c petitioning.Created) {
			s.Exec(t, `UPDATE signatures SET mails = 5 WHERE petition_id = $1`, c.Petition)
		})
		sign(func(c petitioning.Created) {
			s.Exec(t, `UPDATE signatures SET address = name WHERE petition_id = $1`, c.Petition)
		})
		s.Clock.Advance(30 * time.Hour)
		sign(func(c petitioning.Created) { // still in its grace when it is reminded
			s.Clock.Advance(20 * time.Hour)
			ok(t, s.Close(sitetest.Operator(t), c.Petition, nil))
		})
		s.Clock.Advance(5 * time.Hour)
		if s.Mailboxes.Remind(t.Context()) == nil {
			t.Error("nobody is told that an address is damaged")
		}
		equal(t, "mails", 1, len(s.Mails(t)))
		ok(t, s.Mailboxes.Remind(t.Context()))
		equal(t, "that are looked at again", 0, sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM signatures WHERE reminded_at IS NULL`))
	})
}

// TestManyLapse erases more than one portion, and leaves what is confirmed at the same moment.
func TestManyLapse(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		const n = 250
		together(n, func(i int) {
			s.MustSign(t, s.petition, i, func(in *petitioning.Signing) { in.Email = fmt.Sprintf("p%d@example.org", i) })
		})
		mails := s.Mails(t)
		equal(t, "mails", n, len(mails))
		s.Clock.Advance(8 * 24 * time.Hour)
		counted := make([]bool, 20)
		together(len(counted)+1, func(i int) {
			if i == len(counted) {
				ok(t, s.Mailboxes.Lapse(t.Context()))
			} else if _, err := s.Confirm(t.Context(), mails[i].Letter.(*mail.ConfirmSignature).Code); err == nil {
				counted[i] = true
			} else {
				faults(t, err, "TOKEN_INVALID token")
			}
		})
		want := 0
		for _, did := range counted {
			if did {
				want++
			}
		}
		equal(t, "that count and wait", [3]int{want, 0, 0}, s.counts(t))
		s.audit(t)
	})
}
