package ledger_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/outbox"
	"petitiond/server/secret"
)

// later returns a request about a petition.
func later(t testing.TB, petition uuid.UUID) ledger.Request {
	t.Helper()
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(make([]byte, secret.RootSize))))
	if err != nil {
		t.Fatal(err)
	}
	row, err := outbox.Seal(keys, outbox.Entry{Kind: "later", Payload: []byte("Canary")}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Request{Petition: petition, Entry: row}
}

// entries counts those of the outbox.
func entries(t testing.TB, db *database.DB) int {
	t.Helper()
	return scan[int](t, db, `SELECT COUNT(*) FROM outbox`)
}

// TestAsk writes requests while a petition accepts signatures, answers repeated ones, and moves nothing.
func TestAsk(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		first, again, other := later(t, p), later(t, p), later(t, p)
		first.Key, again.Key, other.Key = key("k", "1"), key("k", "1"), key("k", "2")
		nowhere := later(t, newID())
		answers := b.Batch(first, again, later(t, p), other, nowhere)
		if diff := cmp.Diff([]string{"ok", "ok", "ok", "KeyMismatch", "NotFound"}, errs(answers)); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if _, _, err := amend(db, p, epoch, func(terms *ledger.Terms) { terms.Accepting = false }); err != nil {
			t.Fatal(err)
		}
		// What was asked for before is answered again, and done although the petition has closed meanwhile.
		late := later(t, p)
		late.Late = true
		answers = b.Batch(again, later(t, p), waiting(p, "ann"), signature(p, "bob"), late)
		if diff := cmp.Diff([]string{"ok", "Closed", "ok", "Closed", "ok"}, errs(answers)); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if f := audit(t, db, p); f.Total != 0 || f.Pending != 1 || entries(t, db) != 3 || len(b.told(p)) != 0 {
			t.Errorf("got %+v and %d entries, want one that waits and three entries", f, entries(t, db))
		}
	})
}

// TestLostRequest loses the answer to the COMMIT of requests, with and without a key.
func TestLostRequest(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		for name, play := range lostCommits {
			t.Run(name, func(t *testing.T) {
				p := petition(t, db, open())
				b := newBook(t, db, ledger.Options{})
				before := entries(t, db)
				keyed := later(t, p)
				keyed.Key = key("lost "+name, "1")
				s.play(play(t))
				must(t, b.Batch(keyed, later(t, p))...)
				s.play(script{})
				if got := entries(t, db) - before; got != 2 {
					t.Errorf("%d entries, want 2", got)
				}
			})
		}
	})
}

// TestConfirmationBringsAnEntry writes it with the confirmation that counts, once.
func TestConfirmationBringsAnEntry(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{})
		ann := waiting(p, "ann")
		must(t, b.Batch(ann)...)
		thanks := func(s ledger.Signature) ledger.Confirmation {
			c, entry := confirm(s), later(t, p).Entry
			c.Entry = &entry
			return c
		}
		must(t, b.Batch(thanks(ann), thanks(ann))...)
		b.Batch(thanks(ann), thanks(waiting(p, "bob")))
		if got := entries(t, db); got != 1 {
			t.Errorf("%d entries, want 1", got)
		}
	})
}

// TestWithdrawTakesTheCommentBack erases the reason of a signature and leaves what was replied to it, also where it has
// been confirmed in the same transaction.
func TestWithdrawTakesTheCommentBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := petition(t, db, open())
		b := newBook(t, db, ledger.Options{Now: func() time.Time { return epoch }})
		confirmed := func(s ledger.Signature) (ledger.Confirmation, ledger.Withdrawal, ledger.Comment) {
			said := comment(p, nil)
			said.Author, said.FromSignatory, said.Signatory = new(string), true, []byte("of "+s.ID.String())
			*said.Author = "Canary"
			c, w := confirm(s), withdraw(s)
			c.Comment, w.Signatory = &said, said.Signatory
			return c, w, said
		}
		ann, bob, cid := waiting(p, "ann"), waiting(p, "bob"), waiting(p, "cid")
		for _, s := range []*ledger.Signature{&ann, &bob, &cid} {
			s.Waiting.Reason = []byte("sealed")
		}
		must(t, b.Batch(ann, bob, cid)...)
		c, w, said := confirmed(ann)
		kept, _, other := confirmed(cid)
		must(t, b.Batch(c, kept)...)
		must(t, b.Batch(comment(p, &said.ID))...)
		atOnce, and, _ := confirmed(bob)
		must(t, b.Batch(atOnce, w, and, w)...)
		erased := scan[string](t, db, `SELECT body || COALESCE(author_name, '') FROM comments WHERE id = $1
 AND NOT from_signatory AND signatory IS NULL AND edited_at IS NOT NULL`, said.ID)
		if erased != ledger.Erased {
			t.Errorf("the comment says %q", erased)
		}
		if body := scan[string](t, db, `SELECT body FROM comments WHERE id = $1 AND from_signatory`, other.ID); body != other.Body {
			t.Errorf("that of another says %q", body)
		}
		if f := audit(t, db, p); f.Total != 1 || f.Comments != 3 || f.Threads != 2 || len(differences(t, b)) > 0 {
			t.Errorf("got %+v, want one signature, two comments and a reply", f)
		}
	})
}
