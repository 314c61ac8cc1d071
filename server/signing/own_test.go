package signing_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"petitiond/server/figures"
	"petitiond/server/ledger"
	"petitiond/server/petitioning"
	"petitiond/server/signing"
	"petitiond/server/sitetest"
)

// reason has a reason for signing, and a name that is public.
func reason(in *petitioning.Signing) {
	in.Name, in.ShowName, in.Comment, in.Country, in.Locale, in.Updates = "Ada Obi", true, p("Bees matter"), p("NG"), p("fr"), true
}

// names are the public ones, and how many there are said to be; and the authors of comments with what they say.
func (s *place) names(t testing.TB) (out []string) {
	t.Helper()
	s.Each(t, `SELECT 'named ' || named FROM counters WHERE named > 0`, func(row []any) { out = append(out, fmt.Sprintf("%s", row[0])) }, nil)
	s.Each(t, `SELECT 'public ' || number FROM signatures WHERE show_name AND state = 'COUNTED' ORDER BY number`,
		func(row []any) { out = append(out, fmt.Sprintf("%s", row[0])) }, nil)
	s.Each(t, `SELECT COALESCE(author_name, 'nobody') || ' says ' || body FROM comments ORDER BY number`,
		func(row []any) { out = append(out, fmt.Sprintf("%s", row[0])) }, nil)
	return out
}

// amend changes a signature and looks at what is stored then.
func (s *place) amend(t testing.TB, token string, a signing.Amendment) *signing.Own {
	t.Helper()
	own, err := s.Amend(t.Context(), token, a)
	ok(t, err)
	return own
}

// TestOwn shows a signature to its signatory, before and after it counts, and changes all that can be changed of it.
func TestOwn(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		letter := asked(t, s.sign(t, "ada@example.org", reason))
		token := tokenOf(t, letter.Link)
		look := func(state string) *signing.Own {
			t.Helper()
			own, err := s.OwnOf(t.Context(), token)
			ok(t, err)
			equal(t, "what is seen", []any{state, p("Ada Obi"), p("NG"), p("fr"), s.petition}, []any{string(own.State), own.Name, own.Country, own.Locale, own.PetitionID})
			bearer, err := s.Own(s.As(t, token))
			ok(t, err)
			equal(t, "by the credential", own.ID, bearer.ID)
			equal(t, "secrets", []*[]byte{nil, nil, nil, nil}, []*[]byte{own.Signature.Name, own.Address, own.Digest, own.Token})
			return own
		}
		own := look("PENDING")
		equal(t, "that waits", []any{p("Bees matter"), true, true, (*int)(nil)}, []any{own.Comment, own.ShowName, own.Updates, own.Number})
		equal(t, "without updates", false, s.amend(t, token, signing.Amendment{Updates: p(false)}).Updates)
		s.amend(t, token, signing.Amendment{ShowName: p(false)})
		_, err := s.Confirm(t.Context(), token)
		ok(t, err)
		own = look("COUNTED")
		equal(t, "that counts", []any{p("Bees matter"), false, false, p(1)}, []any{own.Comment, own.ShowName, own.Updates, own.Number})
		equal(t, "names", []string{"nobody says Bees matter"}, s.names(t))
		for range 2 {
			s.amend(t, token, signing.Amendment{ShowName: p(true)})
			equal(t, "names", []string{"named 1", "public 1", "Ada Obi says Bees matter"}, s.names(t))
		}
		s.audit(t)
		for range 2 {
			s.amend(t, token, signing.Amendment{ShowName: p(false)})
			equal(t, "names", []string{"nobody says Bees matter"}, s.names(t))
		}
		s.audit(t)
		for range 2 {
			own = s.amend(t, token, signing.Amendment{ShowName: p(true), Updates: p(true), WithdrawComment: true})
			equal(t, "own", []any{(*string)(nil), true, true}, []any{own.Comment, own.ShowName, own.Updates})
			equal(t, "names", []string{"named 1", "public 1", "nobody says " + ledger.Erased}, s.names(t))
		}
		equal(t, "that count", [3]int{1, 0, 1}, s.counts(t))
		s.audit(t)
		ok(t, s.Withdraw(t.Context(), token))
		equal(t, "names", []string{"nobody says " + ledger.Erased}, s.names(t))
		s.audit(t)
		_, err = s.OwnOf(t.Context(), token)
		faults(t, err, "TOKEN_INVALID token")
		_, err = s.Amend(t.Context(), token, signing.Amendment{ShowName: p(true)})
		faults(t, err, "TOKEN_INVALID input.token")
		_, err = s.Authenticate(t.Context(), token)
		equal(t, "refused as a credential", true, errors.Is(err, petitioning.ErrUnauthenticated))
	})
}

// TestReasonIsTakenBack before it has become a comment, and never does.
func TestReasonIsTakenBack(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		token := tokenOf(t, asked(t, s.sign(t, "ada@example.org", reason)).Link)
		equal(t, "comment", (*string)(nil), s.amend(t, token, signing.Amendment{WithdrawComment: true}).Comment)
		_, err := s.Confirm(t.Context(), token)
		ok(t, err)
		equal(t, "names", []string{"named 1", "public 1"}, s.names(t))
		s.audit(t)
	})
}

// TestOwnOfOthers tries what is no token, and what is one for something else.
func TestOwnOfOthers(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		letter := asked(t, s.sign(t, "ada@example.org", reason))
		token := tokenOf(t, letter.Link)
		for _, wrong := range []string{"", "sg_", token[:len(token)-1], token + "x", strings.ToUpper(token), letter.Code, "\xff", strings.Repeat("k", 100_000)} {
			_, err := s.OwnOf(t.Context(), wrong)
			faults(t, err, "TOKEN_INVALID token")
			_, err = s.Amend(t.Context(), wrong, signing.Amendment{ShowName: p(false)})
			faults(t, err, "TOKEN_INVALID input.token")
			_, err = s.Authenticate(t.Context(), wrong)
			equal(t, "refused as a credential", true, errors.Is(err, petitioning.ErrUnauthenticated))
		}
		own, err := s.Own(s.As(t, ""))
		ok(t, err)
		equal(t, "of nobody", (*signing.Own)(nil), own)
	})
}

// TestChangesAreTold to those who keep lists of names and comments, and nothing where nobody sees another thing.
func TestChangesAreTold(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		token := tokenOf(t, asked(t, s.sign(t, "ada@example.org", reason)).Link)
		s.amend(t, token, signing.Amendment{ShowName: p(false)})
		_, err := s.Confirm(t.Context(), token)
		ok(t, err)
		s.Told()
		s.amend(t, token, signing.Amendment{ShowName: p(false), Updates: p(false)})
		equal(t, "told", []figures.Value(nil), s.Told())
		s.amend(t, token, signing.Amendment{ShowName: p(true)})
		equal(t, "told", []figures.Value{{Petition: s.petition, Comment: 1}}, s.Told())
	})
}

// TestChangedAtOnce changes, confirms and withdraws at once on two replicas: names, comments and counts agree.
func TestChangedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		s.Deliver(t)
		other := sitetest.New(t, s.DB, sitetest.ByMail)
		var tokens []string
		for i := range 6 {
			tokens = append(tokens, tokenOf(t, asked(t, s.sign(t, fmt.Sprintf("eve%d@example.org", i), reason)).Link))
		}
		together(72, func(i int) {
			at, token := s.Site, tokens[i%6]
			if i%12 < 6 {
				at = other
			}
			var err error
			switch i / 6 % 6 {
			case 0, 3:
				_, err = at.Confirm(t.Context(), token)
			case 5:
				if i%6 < 3 { // the others stay
					err = at.Withdraw(t.Context(), token)
				}
			default:
				_, err = at.Amend(t.Context(), token, signing.Amendment{ShowName: p(i/6%2 == 0), WithdrawComment: i%6 == 5})
			}
			if err != nil && petitioning.Faults(err) == nil {
				t.Error(err)
			}
		})
		s.audit(t)
		equal(t, "count and rows", sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM signatures`), s.counts(t)[0])
		equal(t, "named", sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM signatures WHERE show_name`), sitetest.Value[int](t, s.Site, `SELECT named FROM counters`))
		for _, token := range tokens {
			own, err := s.OwnOf(t.Context(), token)
			if petitioning.Faults(err) != nil {
				continue
			}
			ok(t, err)
			shown := sitetest.Value[int](t, s.Site, `SELECT COUNT(*) FROM comments WHERE author_name IS NOT NULL AND signatory = $1`, signing.Signatory(s.Keys, own.ID))
			equal(t, "comments with a name", own.ShowName && own.Comment != nil, shown == 1)
		}
	})
}
