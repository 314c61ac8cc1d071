package petitioning_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger/recount"
	"petitiond/server/petitioning"
	"petitiond/server/sitetest"
)

// TestSixteenClients lets clients walk at random over a few petitions, through two services on one database as
// two replicas would be: they sign, sign again, comment, close, and send requests again by their keys. Each
// answer must be one that the model allows, and in the end the rows are those that the model has.
func TestSixteenClients(t *testing.T) {
	t.Parallel()
	steps := 250
	if testing.Short() || sitetest.Raced {
		steps = 60
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		replicas := []*bundle{setup(t, db), setup(t, db)}
		places := make([]*plaza, 4)
		for i := range places {
			made := replicas[0].MustPublish(t)
			places[i] = &plaza{id: made.Petition, token: made.EditToken, signed: map[string]bool{}}
		}
		var walking sync.WaitGroup
		for n := range 16 {
			c := &visitor{t: t, bundle: replicas[n%2], name: fmt.Sprintf("visitor%d", n), places: places, rng: rand.New(rand.NewPCG(rand.Uint64(), uint64(n)))}
			walking.Go(func() {
				for range steps {
					c.step()
				}
			})
		}
		walking.Wait()
		for _, p := range places {
			p.judge(t, replicas[1])
		}
		found, err := recount.New(db, recount.Options{Now: replicas[0].Clock.Now}).Recount(t.Context())
		ok(t, err)
		equal(t, "differences", 0, len(found))
	})
}

// plaza is a petition in the model.
type plaza struct {
	id    uuid.UUID
	token string

	closing, closed atomic.Bool // closing has begun, has ended

	mu       sync.Mutex      // guards what follows
	signed   map[string]bool // addresses, and whether their names are public
	comments int
	threads  []uuid.UUID
}

// judge compares the rows and figures with the model.
func (p *plaza) judge(t *testing.T, b *bundle) {
	t.Helper()
	named := 0
	for _, public := range p.signed {
		if public {
			named++
		}
	}
	f := b.Figures(t, p.id)
	equal(t, "total, named, threads, comments", []int{len(p.signed), named, len(p.threads), p.comments},
		[]int{f.Total, f.Named, f.Threads, f.Comments})
	equal(t, "rows, addresses, last number", fmt.Sprint(len(p.signed), len(p.signed), len(p.signed)),
		value[string](t, b, `SELECT CAST(COUNT(*) AS text) || ' ' || CAST(COUNT(DISTINCT digest) AS text) || ' ' || CAST(COALESCE(MAX(number), 0) AS text)
 FROM signatures WHERE petition_id = $1`, p.id))
}

// visitor is one client with what it has been answered.
type visitor struct {
	*bundle
	t      *testing.T
	name   string
	places []*plaza
	rng    *rand.Rand
	n      int
	past   []request // those that were answered without a fault
}

// request is a signature or a comment that can be sent again.
type request struct {
	place   *plaza
	signing *petitioning.Signing
	remark  *petitioning.Remark
	answer  uuid.UUID // the comment
}

func (v *visitor) step() {
	p := v.places[v.rng.IntN(len(v.places))]
	switch n := v.rng.IntN(100); {
	case n < 35:
		v.sign(p, fmt.Sprintf("%s.%d@example.org", v.name, v.n))
	case n < 50: // what others sign with too
		v.sign(p, fmt.Sprintf("shared%d@example.org", v.rng.IntN(40)))
	case n < 70:
		v.comment(p)
	case n < 95:
		v.repeat()
	case n < 96 && v.n > 30:
		v.close(p)
	}
	v.n++
}

// key returns a new idempotency key, or none.
func (v *visitor) key() *string {
	if v.rng.IntN(3) == 0 {
		return nil
	}
	key := fmt.Sprintf("the random key of %s number %d", v.name, v.n)
	return &key
}

func (v *visitor) context() context.Context {
	return petitioning.WithActor(v.t.Context(), petitioning.Anonymous())
}

// sign signs with an address whose first letters decide all the rest, so that it does not matter who of those
// that share it was first.
func (v *visitor) sign(p *plaza, address string) {
	in := petitioning.Signing{
		Petition: p.id, Name: "Somebody", Email: address, ShowName: len(address)%2 == 0, IdempotencyKey: v.key(),
	}
	if address[0] == 'v' && v.rng.IntN(4) == 0 {
		reason := "Because."
		in.Comment = &reason
	}
	closed := p.closed.Load()
	err := v.Sign(v.context(), in)
	switch {
	case err == nil && closed:
		v.t.Errorf("a signature was taken after the petition was closed")
	case err == nil:
		v.past = append(v.past, request{place: p, signing: &in})
		p.sign(in)
	case !is(err, petitioning.WrongState) || !p.closing.Load():
		v.t.Errorf("signing: %v", err)
	}
}

func (p *plaza) sign(in petitioning.Signing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, again := p.signed[in.Email]; !again && in.Comment != nil {
		p.comments++
		p.threads = append(p.threads, uuid.Nil)
	}
	p.signed[in.Email] = in.ShowName
}

func (v *visitor) comment(p *plaza) {
	in := petitioning.Remark{Petition: p.id, Body: "Well said.", IdempotencyKey: v.key()}
	p.mu.Lock()
	if n := len(p.threads); n > 0 && v.rng.IntN(2) == 0 {
		if parent := p.threads[v.rng.IntN(n)]; parent != uuid.Nil {
			in.Parent = &parent
		}
	}
	p.mu.Unlock()
	id, err := v.Comment(v.context(), in)
	if err != nil {
		v.t.Errorf("commenting: %v", err)
		return
	}
	v.past = append(v.past, request{place: p, remark: &in, answer: id})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.comments++
	if in.Parent == nil {
		p.threads = append(p.threads, id)
	}
}

// repeat sends something again that was answered before: by its key with the same answer, also where the
// petition has closed since; by its key with something else in vain; or a signature without its key.
func (v *visitor) repeat() {
	if len(v.past) == 0 {
		return
	}
	r := v.past[v.rng.IntN(len(v.past))]
	if r.remark != nil {
		v.repeatComment(r)
		return
	}
	in := *r.signing
	if in.IdempotencyKey == nil || v.rng.IntN(4) == 0 {
		in.IdempotencyKey = nil
		closed := r.place.closed.Load()
		if err := v.Sign(v.context(), in); err == nil && closed || err != nil && !(is(err, petitioning.WrongState) && r.place.closing.Load()) {
			v.t.Errorf("signing again, closed %t: %v", closed, err)
		}
		return
	}
	if err := v.Sign(v.context(), in); err != nil {
		v.t.Errorf("a key sent again: %v", err)
	}
	in.Name = "Somebody else"
	if err := v.Sign(v.context(), in); !is(err, petitioning.IdempotencyMismatch) {
		v.t.Errorf("a key with another name: %v", err)
	}
}

func (v *visitor) repeatComment(r request) {
	if r.remark.IdempotencyKey == nil {
		return
	}
	if id, err := v.Comment(v.context(), *r.remark); err != nil || id != r.answer {
		v.t.Errorf("a comment's key sent again: %v, error %v, want %v", id, err, r.answer)
	}
}

// close closes a petition, unless it is the last one that may stay open.
func (v *visitor) close(p *plaza) {
	if p == v.places[0] {
		return
	}
	p.closing.Store(true)
	if err := v.Close(v.As(v.t, p.token), p.id, nil); err != nil && !is(err, petitioning.WrongState) {
		v.t.Errorf("closing: %v", err)
		return
	}
	p.closed.Store(true)
}

// is says whether err is one fault of this kind.
func is(err error, code petitioning.Code) bool {
	faults := petitioning.Faults(err)
	return len(faults) == 1 && faults[0].Code == code
}
