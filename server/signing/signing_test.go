package signing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/ledger"
	"petitiond/server/outbox"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
)

func p[V any](v V) *V { return &v }

// TestConfirm goes the whole way: a request, a signature that waits, its mail, the confirmation by link and by code,
// the thanks, and the withdrawal by their link.
func TestConfirm(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		mails := s.sign(t, "Ada.Obi@example.org", func(in *petitioning.Signing) {
			in.Name, in.ShowName, in.Comment, in.Country, in.Locale = "Ada Obi", true, p("Bees <matter>"), p("NG"), p("fr")
		})
		letter := asked(t, mails)
		equal(t, "language and receiver", []string{"fr", "Ada.Obi@example.org"}, []string{mails[0].Language, mails[0].To})
		equal(t, "until", s.Clock.Now().Add(7*24*time.Hour), letter.Until)
		equal(t, "that waits", [3]int{0, 1, 0}, s.counts(t))
		signed := s.Clock.Now()
		s.Clock.Advance(3 * time.Hour)
		for name, token := range map[string]string{
			"token": tokenOf(t, letter.Link), "code": letter.Code, "pasted code": " " + strings.ToLower(strings.ReplaceAll(letter.Code, "-", " ")) + "\n",
		} {
			row, err := s.Confirm(t.Context(), token)
			ok(t, err)
			equal(t, "number, time and country by "+name, []any{1, signed, "NG"}, []any{*row.Number, row.SignedAt, *row.Country})
			equal(t, "name", p("Ada Obi"), s.Reading.SignatoryName(t.Context(), row))
			equal(t, "that count", [3]int{1, 0, 1}, s.counts(t))
		}
		thanks := s.Mails(t)
		equal(t, "thanks", []string{"Confirmed to Ada.Obi@example.org"}, letters(thanks))
		comment := sitetest.Value[string](t, s.Site, `SELECT author_name || ': ' || body FROM comments`)
		equal(t, "comment", "Ada Obi: Bees <matter>", comment)
		s.Clock.Advance(time.Hour)
		ok(t, s.Withdraw(t.Context(), tokenOf(t, letter.Link)))
		equal(t, "that count", [3]int{0, 0, 1}, s.counts(t))
		equal(t, "comment", ledger.Erased, sitetest.Value[string](t, s.Site, `SELECT body FROM comments WHERE author_name IS NULL`))
		equal(t, "rows", 0, sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM signatures`))
		_, err := s.Confirm(t.Context(), letter.Code)
		faults(t, err, "TOKEN_INVALID token")
		faults(t, s.Withdraw(t.Context(), tokenOf(t, letter.Link)), "TOKEN_INVALID token")
		s.audit(t)
	})
}

// TestTokens tries what is no token of a signature, or is one for something else.
func TestTokens(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		letter := asked(t, s.sign(t, "ada@example.org"))
		token := tokenOf(t, letter.Link)
		for _, wrong := range []string{
			"", " ", "sg_", token[:len(token)-1], token + "x", strings.ToUpper(token), "pe" + token[2:], token[3:], letter.Code[:18], letter.Code + "0",
			strings.Repeat("0", 16), "\x00", "\xff", strings.Repeat("é", 100_000), "' OR 1=1 --",
		} {
			_, err := s.Confirm(t.Context(), wrong)
			faults(t, err, "TOKEN_INVALID token")
			faults(t, s.Withdraw(t.Context(), wrong), "TOKEN_INVALID token")
		}
		faults(t, s.Withdraw(t.Context(), letter.Code), "TOKEN_INVALID token") // it confirms, and does nothing else
		equal(t, "that waits", [3]int{0, 1, 0}, s.counts(t))
	})
}

// TestOneMailbox signs in many spellings of one address: one signature, one mail.
func TestOneMailbox(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		spellings := []string{
			"ada.obi@gmail.com", "ADA.OBI@GMAIL.COM", "adaobi@gmail.com", "a.d.a.o.b.i+bees@googlemail.com", " Ada.Obi+@Gmail.com", "adaobi+1@gmail.com",
			"adaobi+2@gmail.com", "adaobi+3@gmail.com", "AdaObi@GoogleMail.com", "ad.aobi@gmail.com", "ada.obi@gmail.com ", "ada.ob.i@gmail.com",
		}
		together(len(spellings), func(i int) {
			s.MustSign(t, s.petition, i, func(in *petitioning.Signing) { in.Email = spellings[i] })
		})
		asked(t, s.Mails(t))
		equal(t, "that waits", [3]int{0, 1, 0}, s.counts(t))
	})
}

// TestNobodyIsToldBut the mailbox: the answer is the same for every address, and what comes of it is in the mails.
func TestNobodyIsToldBut(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		letter := asked(t, s.sign(t, "ada@example.org"))
		row, err := s.Confirm(t.Context(), letter.Code)
		ok(t, err)
		s.Mails(t)
		s.Clock.Advance(11 * time.Minute)
		equal(t, "mails", []string{"AlreadySigned to ada@example.org"}, letters(s.sign(t, " ADA@example.org")))
		s.Clock.Advance(11 * time.Minute)
		ok(t, s.Resend(t.Context(), s.petition, "ada+x@example.org"))
		equal(t, "mails", []string{"AlreadySigned to ada@example.org"}, letters(s.Mails(t)))
		ok(t, s.Resend(t.Context(), s.petition, "stranger@example.org"))
		equal(t, "mails", []string(nil), letters(s.Mails(t)))
		s.Exec(t, `UPDATE signatures SET state = 'INVALIDATED' WHERE id = $1`, row.ID)
		s.Clock.Advance(11 * time.Minute)
		equal(t, "mails", []string(nil), letters(s.sign(t, "ada@example.org")))
		faults(t, s.Resend(t.Context(), uuid.New(), "ada@localhost"), "INVALID email", "NOT_FOUND petitionId")
		s.Move(t, s.petition, petition.StateHIDDEN)
		faults(t, s.Resend(t.Context(), s.petition, "ada@example.org"), "NOT_FOUND petitionId")
	})
}

// TestOneEntryEach looks at what a request does, whatever is known of its address: it writes one entry of the outbox,
// as long as any other, and changes nothing else.
func TestOneEntryEach(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		before := sitetest.New(t, s.DB)
		for _, email := range []string{"counts@example.org", "revoke@example.org"} {
			before.MustSign(t, s.petition, 0, func(in *petitioning.Signing) { in.Email = email })
		}
		s.Exec(t, `UPDATE signatures SET state = 'INVALIDATED', mails = 5 WHERE number = 2`)
		rows := func() (n [3]int) {
			for i, table := range []string{"signatures", "mailbox_days", "idempotency_keys"} {
				n[i] = sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM `+table)
			}
			return n
		}
		stored := rows()
		for i, email := range []string{"counts@example.org", "revoke@example.org", "newone@example.org", "newone@example.org"} {
			s.MustSign(t, s.petition, 0, func(in *petitioning.Signing) { in.Email = email })
			equal(t, "entries", 2*i+1, sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM outbox`))
			ok(t, s.Resend(t.Context(), s.petition, email))
			equal(t, "entries", 2*i+2, sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM outbox`))
		}
		equal(t, "lengths", 2, sitetest.Value[int](t, s.Site, `SELECT COUNT(DISTINCT octet_length(payload)) FROM outbox`))
		equal(t, "rows", stored, rows())
	})
}

// TestSignedAtOnceBefore is about those who signed while the site did not confirm mailboxes: they get a link, too.
func TestSignedAtOnceBefore(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		before := sitetest.New(t, s.DB)
		before.MustSign(t, s.petition, 0, func(in *petitioning.Signing) { in.Email = "ada@example.org" })
		s.Deliver(t)
		mails := s.sign(t, "ada@example.org")
		equal(t, "mails", []string{"AlreadySigned to ada@example.org"}, letters(mails))
		token := sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM signatures WHERE token IS NOT NULL`)
		equal(t, "rows with a token", 1, token)
	})
}

// TestImportsCount at once: they were confirmed elsewhere.
func TestImportsCount(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		id := s.Signed(t, []time.Time{sitetest.Monday.Add(-time.Hour), sitetest.Monday})
		equal(t, "that count", 2, s.Figures(t, id).Total)
	})
}

// TestBounds asks for far more mail than is sent, from several replicas at once.
func TestBounds(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		other := sitetest.New(t, s.DB, sitetest.ByMail)
		other.Deliver(t)
		ask := func(n int) int {
			t.Helper()
			together(n, func(i int) {
				if i%2 == 0 {
					s.MustSign(t, s.petition, i, func(in *petitioning.Signing) { in.Email = "ada@example.org" })
				} else {
					ok(t, s.Resend(t.Context(), s.petition, "ada@example.org"))
				}
			})
			return len(s.Mails(t)) + len(other.Mails(t))
		}
		advance := func(d time.Duration) { s.Clock.Advance(d); other.Clock.Advance(d) }
		equal(t, "mails at once", 1, ask(40))
		advance(10*time.Minute - time.Microsecond)
		equal(t, "mails within ten minutes", 0, ask(4))
		total := 1
		for range 10 {
			advance(10 * time.Minute)
			total += ask(4)
		}
		equal(t, "mails of one signature", 5, total)

		// Over all petitions.
		advance(24 * time.Hour)
		var petitions []uuid.UUID
		for range 14 {
			petitions = append(petitions, s.MustPublish(t).Petition)
		}
		sign := func() int {
			together(len(petitions), func(i int) {
				s.MustSign(t, petitions[i], i, func(in *petitioning.Signing) { in.Email = fmt.Sprintf("eve+%d@example.org", i) })
			})
			return len(s.Mails(t)) + len(other.Mails(t))
		}
		equal(t, "mails in a day", 10, sign())
		advance(time.Hour)
		equal(t, "mails in the same day", 0, sign())
		advance(24 * time.Hour)
		equal(t, "mails on the next day", 10, sign())
		equal(t, "signatures that wait", 14, sitetest.Value[int](t, s.Site, `SELECT SUM(pending) FROM counters`)-1)
		equal(t, "days", 3, sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM mailbox_days`))
	})
}

// TestDeliveredAgain carries every entry out several times, as after a lease that has ended or a kill in between.
func TestDeliveredAgain(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		var tries atomic.Int64
		s.Deliver(t, func(kind string, handle outbox.Handler) outbox.Handler {
			if kind == "mail" {
				return handle
			}
			return func(ctx context.Context, d outbox.Delivery) error {
				tries.Add(3)
				var err error
				for range 3 {
					s.Clock.Advance(time.Millisecond)
					err = errors.Join(err, handle(ctx, d))
				}
				return err
			}
		})
		letter := asked(t, s.sign(t, "ada@example.org", func(in *petitioning.Signing) { in.Comment = p("Bees") }))
		equal(t, "tries", int64(3), tries.Load())
		_, err := s.Confirm(t.Context(), letter.Code)
		ok(t, err)
		equal(t, "thanks", []string{"Confirmed to ada@example.org"}, letters(s.Mails(t)))
		equal(t, "that count", [3]int{1, 0, 1}, s.counts(t))
		s.audit(t)
	})
}

// TestRequestsOutliveTheServer asks while nobody works on the outbox, and closes the petition meanwhile.
func TestRequestsOutliveTheServer(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Clock.Advance(time.Hour)
		s.MustSign(t, s.petition, 1)
		equal(t, "that wait", [3]int{0, 0, 0}, s.counts(t))
		s.Clock.Advance(time.Hour)
		ok(t, s.Close(sitetest.Operator(t), s.petition, nil))
		faults(t, s.Sign(s.As(t, ""), sitetest.Signing(s.petition, 2)), "WRONG_STATE input.petitionId")
		s.Clock.Advance(time.Hour)
		again := sitetest.New(t, s.DB, sitetest.ByMail)
		again.Clock.Advance(3 * time.Hour)
		again.Deliver(t)
		letter := asked(t, again.Mails(t))
		row, err := again.Confirm(t.Context(), tokenOf(t, letter.Link))
		ok(t, err)
		equal(t, "signed at", sitetest.Monday.Add(time.Hour), row.SignedAt)
		equal(t, "that count", [3]int{1, 0, 0}, s.counts(t))
	})
}

// TestLateConfirmation confirms within a day of the end, and after it.
func TestLateConfirmation(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		ada, eve := asked(t, s.sign(t, "ada@example.org")), asked(t, s.sign(t, "eve@example.org"))
		s.Clock.Advance(time.Hour)
		ok(t, s.Close(sitetest.Operator(t), s.petition, nil))
		s.Clock.Advance(24 * time.Hour)
		_, err := s.Confirm(t.Context(), ada.Code)
		ok(t, err)
		s.Clock.Advance(time.Microsecond)
		_, err = s.Confirm(t.Context(), eve.Code)
		faults(t, err, "WRONG_STATE token")
		_, err = s.Confirm(t.Context(), ada.Code)
		ok(t, err)
		equal(t, "that count", [3]int{1, 1, 0}, s.counts(t))
		ok(t, s.Withdraw(t.Context(), tokenOf(t, eve.Link)))
		s.Move(t, s.petition, petition.StateHIDDEN)
		ok(t, s.Withdraw(t.Context(), tokenOf(t, ada.Link)))
		equal(t, "that count", 0, sitetest.Value[int](t, s.Site, `SELECT total + pending FROM counters WHERE petition_id = $1`, s.petition))
	})
}

// TestIdempotencyKey repeats requests, also with another input and after the end.
func TestIdempotencyKey(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		key := "5f0c1d8e-93b7-4a26-8e4d-b1a7c2f60935"
		with := func(in *petitioning.Signing) { in.IdempotencyKey = &key }
		asked(t, s.sign(t, "ada@example.org", with))
		s.Clock.Advance(time.Hour)
		equal(t, "mails", []string(nil), letters(s.sign(t, "ada@example.org", with)))
		faults(t, s.Sign(s.As(t, ""), sitetest.Signing(s.petition, 2, with)), "IDEMPOTENCY_MISMATCH input.idempotencyKey")
		ok(t, s.Close(sitetest.Operator(t), s.petition, nil))
		equal(t, "mails", []string(nil), letters(s.sign(t, "ada@example.org", with)))
		equal(t, "that wait", [3]int{0, 1, 0}, s.counts(t))
	})
}

// TestAllAtOnce presses each button of a mail many times at once, on two replicas: count, rows and history agree.
func TestAllAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		other := sitetest.New(t, s.DB, sitetest.ByMail)
		letter := asked(t, s.sign(t, "ada@example.org", func(in *petitioning.Signing) { in.Comment = p("Bees") }))
		var numbers sync.Map
		together(50, func(i int) {
			at := s.Site
			if i%2 == 0 {
				at = other
			}
			row, err := at.Confirm(t.Context(), []string{letter.Code, tokenOf(t, letter.Link)}[i%3%2])
			ok(t, err)
			numbers.Store(*row.Number, true)
		})
		_, first := numbers.Load(1)
		equal(t, "number", true, first)
		equal(t, "that count", [3]int{1, 0, 1}, s.counts(t))
		equal(t, "mails", []string{"Confirmed to ada@example.org"}, letters(s.Mails(t)))

		var tokens []string
		for i := range 8 {
			tokens = append(tokens, tokenOf(t, asked(t, s.sign(t, fmt.Sprintf("eve%d@example.org", i), func(in *petitioning.Signing) { in.Comment = p("Me too") })).Link))
		}
		together(64, func(i int) {
			at, token := s.Site, tokens[i%8]
			if i%16 < 8 {
				at = other
			}
			if i%3 == 0 {
				if err := at.Withdraw(t.Context(), token); err != nil && petitioning.Faults(err) == nil {
					t.Error(err)
				}
			} else if _, err := at.Confirm(t.Context(), token); err != nil && petitioning.Faults(err) == nil {
				t.Error(err)
			}
		})
		rows := sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM signatures`)
		equal(t, "count and rows", rows, s.counts(t)[0]+s.counts(t)[1])
		equal(t, "comments of those who have withdrawn", 0, sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM comments WHERE signatory IS NOT NULL`)-s.counts(t)[0])
		s.audit(t)
	})
}
