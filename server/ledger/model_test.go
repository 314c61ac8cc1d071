package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"petitiond/server/database"
	"petitiond/server/idempotency"
	"petitiond/server/ledger"
)

// world is what must have come of all that was asked for, one thing after another.
type world struct {
	petitions []*place
	kept      map[string]memory
}

// place is a petition in the model.
type place struct {
	id        uuid.UUID
	terms     ledger.Terms
	version   int
	addresses map[string]*signer
	issued    int
	removed   int
	comments  []uuid.UUID // threads
	replies   map[uuid.UUID]int
	said      int // comments and replies
}

// signer is whose signature is there: without a number while it waits.
type signer struct {
	row    ledger.Signature
	number int
}

// memory is what was answered to a key.
type memory struct {
	input  string
	answer uuid.UUID
}

// plan is something to write with what must be answered.
type plan struct {
	row  any
	want ledger.Answer
}

// weather is what becomes of the first COMMIT of a batch: mostly nothing.
func weather(n int) script {
	switch n {
	case 0:
		return first((*curtain).lose)
	case 1:
		return first((*curtain).writeAndLose)
	}
	return script{}
}

// TestModel walks at random and compares each answer and all figures with a model that knows no batches and no
// lost connections: what stands in one transaction must come out as if it had been asked for in turn.
func TestModel(t *testing.T) {
	t.Parallel()
	eachStaged(t, func(t *testing.T, db *database.DB, s *stage) {
		walks := 0
		rapid.Check(t, func(rt *rapid.T) {
			walks++
			walk(t, rt, db, s, fmt.Sprint(walks, " "))
		})
	})
}

func walk(t *testing.T, rt *rapid.T, db *database.DB, s *stage, prefix string) {
	now, newest := epoch, epoch
	b := newBook(t, db, ledger.Options{Now: func() time.Time { return now }})
	w := &world{kept: map[string]memory{}}
	for range 2 {
		p := &place{id: petition(t, db, open()), terms: open(), addresses: map[string]*signer{}, replies: map[uuid.UUID]int{}}
		w.petitions = append(w.petitions, p)
	}
	for range rapid.IntRange(1, 25).Draw(rt, "steps") {
		switch rapid.IntRange(0, 5).Draw(rt, "step") {
		case 0:
			now = now.Add(time.Duration(rapid.IntRange(-5, 1000).Draw(rt, "seconds")) * time.Second)
			if now.Before(newest.Add(-database.MaxSkew)) { // further back it would be a clock that was wrong
				now = newest.Add(-database.MaxSkew)
			}
			if now.After(newest) {
				newest = now
			}
		case 1:
			w.amend(rt, db, now)
		default:
			list := w.plan(rt, prefix)
			lost := rapid.IntRange(0, 11).Draw(rt, "commit")
			s.play(weather(lost))
			w.write(rt, b, list, lost < 2)
			s.play(script{})
		}
	}
	for _, p := range w.petitions {
		p.check(t, rt, b)
	}
}

// amend closes or opens a petition, or gives it another goal.
func (w *world) amend(rt *rapid.T, db *database.DB, now time.Time) {
	p := rapid.SampledFrom(w.petitions).Draw(rt, "petition")
	p.terms.Accepting = rapid.IntRange(0, 3).Draw(rt, "close") > 0
	if goal := rapid.IntRange(1, 3).Draw(rt, "goal"); goal != p.terms.Goal {
		p.terms.Goal = goal
		p.version++
	}
	if _, c, err := amend(db, p.id, now, func(terms *ledger.Terms) { *terms = p.terms }); err != nil || c.Version != p.version {
		rt.Fatalf("got %+v, error %v, want version %d", c, err, p.version)
	}
}

// plan draws the content of a batch, and carries it out in the model.
func (w *world) plan(rt *rapid.T, prefix string) []plan {
	list := w.changes(rt)
	for range rapid.IntRange(1, 6).Draw(rt, "rows") {
		p := rapid.SampledFrom(w.petitions).Draw(rt, "petition")
		var k *idempotency.Key
		if n := rapid.IntRange(0, 6).Draw(rt, "key"); n > 0 {
			k = key(prefix+fmt.Sprint(n), rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "input")+p.id.String())
		}
		if rapid.IntRange(0, 2).Draw(rt, "comment") == 0 {
			c := comment(p.id, nil)
			if len(p.comments) > 0 && rapid.Bool().Draw(rt, "reply") {
				c.Parent = &p.comments[rapid.IntRange(0, len(p.comments)-1).Draw(rt, "parent")]
			}
			c.Key = k
			list = append(list, plan{c, w.comment(p, c)})
			continue
		}
		s := signature(p.id, rapid.SampledFrom([]string{"ann", "bob", "cid", "dan", "eve", "fay"}).Draw(rt, "address"))
		s.ShowName, s.Key = rapid.Bool().Draw(rt, "named"), k
		reason := rapid.Bool().Draw(rt, "reason")
		switch rapid.IntRange(0, 1).Draw(rt, "wait") {
		case 0:
			s.Waiting = waiting(p.id, "").Waiting
			s.Waiting.Token, s.Waiting.Code = []byte("token of "+s.ID.String()), nil
			if reason {
				s.Waiting.Reason = []byte("sealed")
			}
		case 1:
			if reason {
				c := comment(p.id, nil)
				s.Comment = &c
			}
		}
		list = append(list, plan{s, w.sign(p, s)})
	}
	return list
}

// changes draws confirmations and withdrawals, which come before the rest of a batch, and carries them out in the
// model. Each signature has one at most: of two whose COMMIT was lost one may hear of the other.
func (w *world) changes(rt *rapid.T) (list []plan) {
	changed := map[*signer]bool{}
	for range rapid.IntRange(0, 3).Draw(rt, "changes") {
		p := rapid.SampledFrom(w.petitions).Draw(rt, "petition of a change")
		s := p.addresses[rapid.SampledFrom([]string{"ann", "bob", "cid", "dan", "eve", "fay"}).Draw(rt, "address of a change")]
		known := s != nil
		if !known {
			s = &signer{row: signature(p.id, "nobody")}
		}
		if changed[s] {
			continue
		}
		changed[s] = true
		if rapid.IntRange(0, 2).Draw(rt, "withdraw") == 0 {
			list = append(list, plan{withdraw(s.row), ledger.Answer{Receipt: ledger.Receipt{Answer: p.id}}})
			if known {
				p.withdraw(s)
			}
			continue
		}
		c := confirm(s.row)
		reason := comment(p.id, nil)
		c.Comment = &reason
		list = append(list, plan{c, p.confirm(s, reason, known)})
	}
	return list
}

func (p *place) withdraw(s *signer) {
	delete(p.addresses, string(s.row.Address))
	if s.number > 0 {
		p.removed++
	}
}

func (p *place) confirm(s *signer, reason ledger.Comment, known bool) ledger.Answer {
	switch {
	case !known:
		return ledger.Answer{Err: ledger.ErrGone}
	case s.number == 0 && !p.terms.Accepting:
		return ledger.Answer{Err: ledger.ErrClosed}
	case s.number == 0:
		p.issued++
		s.number = p.issued
		if s.row.Waiting.Reason != nil {
			p.comment(reason)
		}
	}
	return ledger.Answer{Receipt: ledger.Receipt{Answer: p.id, Number: s.number}}
}

// write lets the ledger carry a plan out. The numbers of comments are left to the audit: within a batch those
// of signatories come last. After a lost COMMIT two refusals are as good as each other: where one key came with
// a closed petition and then with an address that had signed, the first caller may hear of either.
func (w *world) write(rt *rapid.T, b *book, list []plan, lost bool) {
	var rows []any
	var want []ledger.Answer
	before := map[uuid.UUID]int{}
	for _, p := range w.petitions {
		before[p.id] = len(b.told(p.id))
	}
	for _, one := range list {
		rows, want = append(rows, one.row), append(want, one.want)
	}
	got := b.Batch(rows...)
	for i := range got {
		if _, ok := rows[i].(ledger.Comment); ok {
			got[i].Number = 0
		}
	}
	same := func(a, b error) bool { return errName(a) == errName(b) || lost && a != nil && b != nil }
	if diff := cmp.Diff(want, got, cmp.Comparer(same)); diff != "" {
		rt.Fatalf("answers (-model +ledger):\n%s", diff)
	}
	for _, p := range w.petitions {
		for _, c := range b.told(p.id)[before[p.id]:] {
			if c.Version > p.version { // told again after a lost COMMIT it may be the same
				p.version++
			}
		}
	}
}

// replayed returns what a key was answered, if it was.
func (w *world) replayed(k *idempotency.Key) (ledger.Answer, bool) {
	if k == nil {
		return ledger.Answer{}, false
	}
	m, ok := w.kept[k.ID]
	if ok && m.input != string(k.Input) {
		return ledger.Answer{Err: idempotency.ErrMismatch}, true
	}
	return ledger.Answer{Receipt: ledger.Receipt{Answer: m.answer}}, ok
}

func (w *world) keep(k *idempotency.Key, answer uuid.UUID) {
	if k != nil {
		w.kept[k.ID] = memory{string(k.Input), answer}
	}
}

func (w *world) sign(p *place, s ledger.Signature) ledger.Answer {
	if a, ok := w.replayed(s.Key); ok {
		return a
	}
	if s.Waiting == nil && !p.terms.Accepting {
		return ledger.Answer{Err: ledger.ErrClosed}
	}
	w.keep(s.Key, p.id)
	signed := &signer{row: s}
	if address := string(s.Address); p.addresses[address] == nil {
		p.addresses[address] = signed
		if s.Waiting == nil {
			p.issued++
			signed.number = p.issued
		}
		if s.Comment != nil {
			p.comment(*s.Comment)
		}
	}
	return ledger.Answer{Receipt: ledger.Receipt{Answer: p.id, Number: signed.number}}
}

func (w *world) comment(p *place, c ledger.Comment) ledger.Answer {
	if a, ok := w.replayed(c.Key); ok {
		return a
	}
	w.keep(c.Key, c.ID)
	p.comment(c)
	return ledger.Answer{Receipt: ledger.Receipt{Answer: c.ID}}
}

func (p *place) comment(c ledger.Comment) {
	p.said++
	if c.Parent != nil {
		p.replies[*c.Parent]++
		return
	}
	p.comments = append(p.comments, c.ID)
}

// check compares a petition's figures with its rows and with the model, and looks at what was told of them.
func (p *place) check(t *testing.T, rt *rapid.T, b *book) {
	f := audit(t, b.db, p.id)
	total, named, pending := 0, 0, 0
	for _, s := range p.addresses {
		switch {
		case s.number == 0:
			pending++
		case s.row.ShowName:
			named++
			fallthrough
		default:
			total++
		}
	}
	got := []any{f.Total, f.Issued, f.Removed, f.Pending, f.Named, f.Threads, f.Comments, f.Replies, scan[int](t, b.db, `SELECT version FROM counters WHERE petition_id = $1`, p.id)}
	want := []any{total, p.issued, p.removed, pending, named, len(p.comments), p.said, p.replies, p.version}
	if diff := cmp.Diff(want, got); diff != "" {
		rt.Fatalf("figures (-model +ledger):\n%s", diff)
	}
	var asOf time.Time
	for _, c := range b.told(p.id) {
		if c.Version == 0 { // comments alone
			continue
		}
		if c.AsOf.Before(asOf) {
			rt.Fatalf("the time went back from %v to %v", asOf, c.AsOf)
		}
		asOf = c.AsOf
	}
	if t.Failed() {
		rt.Fatal("the figures are not those of the rows")
	}
}
