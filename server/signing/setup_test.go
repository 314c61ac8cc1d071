package signing_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger/recount"
	"petitiond/server/mail"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// What nearly every test here uses, by a short name.
var (
	equal  = sitetest.Equal
	faults = sitetest.Faults
	ok     = sitetest.OK
)

// place is a site that confirms mailboxes, with a petition that is open.
type place struct {
	*sitetest.Site
	petition uuid.UUID
}

func setup(t testing.TB, db *database.DB) *place {
	t.Helper()
	s := sitetest.New(t, db, sitetest.ByMail)
	return &place{s, s.MustPublish(t).Petition}
}

// each runs a test on both databases.
func each(t *testing.T, run func(t *testing.T, p *place)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) { run(t, setup(t, db)) })
}

// sign has an address sign, and returns the mails that were sent since it was last asked.
func (s *place) sign(t testing.TB, address string, adjust ...func(*petitioning.Signing)) []mail.Order {
	t.Helper()
	s.MustSign(t, s.petition, 0, append(adjust, func(in *petitioning.Signing) { in.Email = address })...)
	return s.Mails(t)
}

// asked is what the only one of the mails asks for.
func asked(t testing.TB, mails []mail.Order) *mail.ConfirmSignature {
	t.Helper()
	if len(mails) != 1 {
		t.Fatalf("%d mails, want 1", len(mails))
	}
	letter, is := mails[0].Letter.(*mail.ConfirmSignature)
	if !is {
		t.Fatalf("the mail is %T", mails[0].Letter)
	}
	return letter
}

// tokenOf is the token in a link.
func tokenOf(t testing.TB, link string) string {
	t.Helper()
	_, token, found := strings.Cut(link, "?token=")
	if !found {
		t.Fatalf("%s has no token", link)
	}
	return token
}

// letters names the letters of mails, with their receivers.
func letters(mails []mail.Order) (out []string) {
	for _, m := range mails {
		out = append(out, fmt.Sprintf("%T to %s", m.Letter, m.To)[len("*mail."):])
	}
	return out
}

// counts are the signatures that count and wait, and the comments.
func (s *place) counts(t testing.TB) [3]int {
	t.Helper()
	f := s.Figures(t, s.petition)
	return [3]int{f.Total, sitetest.Value[int](t, s.Site, `SELECT pending FROM counters WHERE petition_id = $1`, s.petition), f.Comments}
}

// audit compares all figures with the rows.
func (s *place) audit(t testing.TB) {
	t.Helper()
	found, err := recount.New(s.DB, recount.Options{Now: s.Clock.Now}).Recount(t.Context())
	ok(t, err)
	equal(t, "differences", 0, len(found))
}

// together does something so many times at once.
func together(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}
