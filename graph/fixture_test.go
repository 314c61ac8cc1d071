package graph_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/graph/scalar"
	"petitiond/server/ledger"
	"petitiond/server/petitioning"
	"petitiond/server/secret"
	"petitiond/server/signing"
	"petitiond/server/sitetest"
)

// names are what cases write for ids, tokens and cursors, which differ from run to run: <petition:green>.
type names struct {
	mu    sync.Mutex
	real  map[string]string // by name; guarded by mu
	names map[string]string // by what they stand for; guarded by mu
}

// kinds are how names of ids begin, by their type tags.
var kinds = map[byte]string{scalar.Petition: "petition", scalar.Signature: "signature", scalar.Comment: "comment", scalar.Tag: "tag", scalar.Count: "count"}

// newNames begins with ids that nothing has: <petition:none>.
func newNames() *names {
	n := &names{real: map[string]string{}, names: map[string]string{}}
	for tag, kind := range kinds {
		n.set(kind+":none", scalar.NewID(tag, uuid.Max).String())
	}
	return n
}

func (n *names) set(name, real string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.real[name], n.names[real] = real, name
}

// clone gives a case a book of its own to write into.
func (n *names) clone() *names {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &names{real: maps.Clone(n.real), names: maps.Clone(n.names)}
}

// fresh returns the name of something, at need a new one.
func (n *names) fresh(kind, real string) string {
	if name, known := n.names[real]; known {
		return name
	}
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s:new%d", kind, i)
		if _, taken := n.real[name]; !taken {
			n.set(name, real)
			return name
		}
	}
}

// placeholder is how a name is written.
var placeholder = regexp.MustCompile(`<([a-z]+:[\w.]+)>`)

func day(month time.Month, day, hour, minute int) time.Time {
	return time.Date(2026, month, day, hour, minute, 0, 0, time.UTC)
}

func ptr[T any](v T) *T { return &v }

// template is a petition with everything that its kind of test does not care for.
func template(title string, tags ...string) petitioning.Draft {
	return petitioning.Draft{
		Title: title, Body: "We ask for it.", Petitioner: "Parents for Shade", Goal: ptr(10), Tags: tags, Language: ptr("en"),
	}
}

// petitions are those of the site that cases only read.
func petitions() map[string]petitioning.Imported {
	green := template("Green roofs for every school", "Climate Justice!", "schools")
	green.Summary, green.Addressees = ptr("Cool class rooms."), []string{"City Council", "School Board"}
	green.Body = "We want **green roofs**.\n\n<b onclick=x>now</b>\n\n- shade\n- water"
	blue := template("Blue bikes for all", "#climatejustice", "bikes")
	blue.Language, blue.Goal = ptr("de"), ptr(3)
	return map[string]petitioning.Imported{
		"green": {
			Draft: green, State: petition.StateOPEN, CreatedAt: day(1, 31, 8, 0), StartsAt: ptr(day(2, 1, 9, 0)), EndsAt: ptr(day(4, 1, 0, 0)),
			Signatures: []petitioning.ImportedSignature{
				{Name: "Ada Lovelace", Address: "ada@example.org", Country: "GB", ShowName: true, At: day(2, 1, 10, 0)},
				{Name: "Blaise Pascal", Address: "blaise@example.org", Country: "FR", At: day(2, 1, 10, 0)},
				{Name: "Chinua Achebe", Address: "chinua@example.org", Country: "NG", ShowName: true, At: day(2, 2, 8, 0)},
				{Name: "Dorothea Erxleben", Address: "dorothea@example.org", Country: "DE", ShowName: true, At: day(2, 14, 23, 59)},
				{Name: "Émile Zola", Address: "emile@example.org", Country: "FR", ShowName: true, At: day(3, 1, 11, 30)},
				{Name: "Frida Kahlo", Address: "frida@example.org", ShowName: true, At: day(3, 1, 11, 59)},
			},
			Comments: []petitioning.ImportedComment{
				{Author: ptr("Ada Lovelace"), FromSignatory: true, Body: "It is too hot in summer.", At: day(2, 1, 10, 0), Replies: []petitioning.ImportedComment{
					{Body: "And too loud.", At: day(2, 1, 11, 0)},
					{Author: ptr("Grace"), Body: "Bees would come.", At: day(2, 1, 12, 0)},
				}},
				{Body: "Who pays?", At: day(2, 3, 7, 0)},
				{Author: ptr("Hedy"), Body: "Ours has one.", At: day(2, 4, 7, 0)},
			},
		},
		"blue": {
			Draft: blue, State: petition.StateOPEN, CreatedAt: day(2, 9, 8, 0), StartsAt: ptr(day(2, 10, 0, 0)),
			Signatures: signatures("blue", 4, day(2, 11, 6, 0)),
		},
		"red": {
			Draft: template("Red crossing at the school", "schools"), State: petition.StateCLOSED, CreatedAt: day(1, 1, 0, 0),
			StartsAt: ptr(day(1, 1, 0, 0)), EndsAt: ptr(day(2, 20, 0, 0)), ClosedAt: ptr(day(2, 20, 0, 0)),
			Outcome: ptr(petition.OutcomeVICTORY), Signatures: signatures("red", 1, day(1, 2, 0, 0)),
		},
		"grey":  {Draft: template("Grey water for parks", "bikes"), State: petition.StatePAUSED, CreatedAt: day(1, 2, 0, 0), StartsAt: ptr(day(1, 2, 0, 0))},
		"brown": {Draft: template("Brown bins in the yard"), State: petition.StateARCHIVED, CreatedAt: day(1, 3, 0, 0), StartsAt: ptr(day(1, 3, 0, 0)), Outcome: ptr(petition.OutcomeANSWERED)},
		"pink":  {Draft: template("Pink benches next week", "bikes"), State: petition.StateOPEN, CreatedAt: day(2, 20, 0, 0), StartsAt: ptr(day(3, 10, 0, 0))},
		"black": hidden("Canary in a hidden petition", petition.StateHIDDEN),
		"amber": hidden("Canary in a review", petition.StateIN_REVIEW),
		"mauve": hidden("Canary in a refused petition", petition.StateREJECTED),
	}
}

// hidden is a petition of which nothing may be seen.
func hidden(title string, state petition.State) petitioning.Imported {
	return petitioning.Imported{
		Draft: template(title, "canary tag"), State: state, CreatedAt: day(1, 4, 0, 0), StartsAt: ptr(day(1, 4, 0, 0)),
		Signatures: []petitioning.ImportedSignature{{Name: "Canary Bird", Address: "bird@example.org", ShowName: true, At: day(2, 28, 20, 0)}},
		Comments: []petitioning.ImportedComment{{
			Author: ptr("Canary Bird"), Body: "A canary sings.", At: day(2, 28, 20, 0),
			Replies: []petitioning.ImportedComment{{Body: "A canary answers.", At: day(2, 28, 21, 0)}},
		}},
	}
}

// signatures are n named ones, one an hour.
func signatures(of string, n int, from time.Time) []petitioning.ImportedSignature {
	out := make([]petitioning.ImportedSignature, n)
	for i := range out {
		out[i] = petitioning.ImportedSignature{
			Name: fmt.Sprintf("Signatory %d of %s", i+1, of), Address: fmt.Sprintf("s%d.%s@example.org", i+1, of), ShowName: true,
			At: from.Add(time.Duration(i) * time.Hour),
		}
	}
	return out
}

// furnish fills a site with what cases read.
func (s *site) furnish(t testing.TB) {
	t.Helper()
	all := petitions()
	for _, name := range []string{"red", "grey", "brown", "black", "amber", "mauve", "green", "blue", "pink"} {
		s.add(t, name, all[name])
	}
	s.make(t, s.names, "white", template("White lines on the road", "unborn"))
	err := s.domain.Update(operator(t.Context()), petitioning.Update{
		Petition: s.id("petition:blue"), Version: 2, Title: ptr("Blue bikes for every town"),
	})
	if err != nil {
		t.Fatal(err)
	}
	// How many batches wrote them, and so what their versions are, depends on the machine.
	s.exec(t, `UPDATE counters SET version = total + 1`)
	// Likes have no mutation yet.
	s.exec(t, `UPDATE comments SET likes = 5 WHERE id = $1`, s.id("comment:green.4"))
	if err := s.domain.RankAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	key, err := s.domain.CreateAPIKey(t.Context(), "A partner", []petitioning.Scope{petitioning.ScopeSign})
	if err != nil {
		t.Fatal(err)
	}
	s.names.set("token:partner", key)
}

func (s *site) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := s.db.Write.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// id returns the key behind the name of a row.
func (s *site) id(name string) uuid.UUID {
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	return scalar.ParseID(s.names.real[name]).UUID
}

// add imports a petition and names it and all that it has.
func (s *site) add(t testing.TB, name string, in petitioning.Imported) uuid.UUID {
	t.Helper()
	id, err := s.domain.Import(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	s.label(t, s.names, name, id)
	return id
}

// make creates a draft and names its token too.
func (s *site) make(t testing.TB, n *names, name string, d petitioning.Draft) uuid.UUID {
	t.Helper()
	made, err := s.domain.Create(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	n.set("token:"+name, made.EditToken)
	s.label(t, n, name, made.Petition)
	return made.Petition
}

// own makes a petition that a case may change, of the kind that its name says.
func (s *site) own(t testing.TB, n *names, kind string) {
	t.Helper()
	ctx, d := operator(t.Context()), template("A petition of one case", "own")
	if kind == "early" {
		d.StartsAt = ptr(noon.Add(time.Hour))
	}
	id := s.make(t, n, kind, d)
	steps := []func() error{}
	do := func(step func() error) { steps = append(steps, step) }
	if kind != "draft" && kind != "late" {
		do(func() error { return s.domain.Publish(ctx, id) })
	}
	switch kind {
	case "draft", "open", "early":
	case "signed":
		do(func() error { return s.domain.Sign(ctx, signed(id, "first@example.org")) })
	case "waiting", "stopped", "vanished":
		do(func() error { return s.wait(ctx, n, kind, id) })
		switch kind {
		case "stopped":
			do(func() error { return s.set(ctx, id, "PAUSED", noon.Add(time.Hour)) })
		case "vanished":
			do(func() error { return s.domain.Hide(ctx, id) })
		}
	case "talked":
		do(func() error { return s.talk(ctx, id) })
	case "closed":
		do(func() error { return s.domain.Close(ctx, id, nil) })
	case "hidden":
		do(func() error { return s.domain.Hide(ctx, id) })
	case "late":
		do(func() error { return s.set(ctx, id, "DRAFT", noon.Add(-time.Minute)) })
	case "ended": // the upkeep has not closed it yet
		do(func() error { return s.set(ctx, id, "OPEN", noon.Add(-time.Minute)) })
	case "over": // as the upkeep closes it: at its end
		do(func() error { return s.set(ctx, id, "OPEN", noon.Add(-time.Minute)) })
		do(func() error { return s.domain.Close(ctx, id, nil) })
	case "paused":
		do(func() error { return s.set(ctx, id, "PAUSED", noon.Add(time.Hour)) })
	case "archived":
		do(func() error { return s.set(ctx, id, "ARCHIVED", noon.Add(time.Hour)) })
	default:
		t.Fatalf("there is no kind of petition %q", kind)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	s.label(t, n, kind, id)
}

func signed(id uuid.UUID, address string) petitioning.Signing {
	return petitioning.Signing{Petition: id, Name: "Ada Lovelace", Email: address, ShowName: true}
}

// wait has somebody sign who has to confirm it, by a token that gets the name mailed.
func (s *site) wait(ctx context.Context, n *names, kind string, petition uuid.UUID) error {
	id := uuid.Must(uuid.NewV7())
	token := s.keys.Token(signing.TokenPrefix, secret.SignatureToken, id[:])
	n.set("mailed:"+kind, token)
	_, err := s.book.Sign(ctx, ledger.Signature{
		ID: id, Petition: petition, Digest: id[:], Name: s.keys.Seal(secret.NameSeal, []byte("Ada Lovelace"), id[:]),
		ShowName: true, Country: "GB", Waiting: &ledger.Waiting{
			Token: secret.Hash(token), Reason: s.keys.Seal(secret.ReasonSeal, []byte("It is too hot."), id[:]),
		},
	})
	return err
}

func (s *site) talk(ctx context.Context, id uuid.UUID) error {
	first, err := s.domain.Comment(ctx, petitioning.Remark{Petition: id, Body: "First."})
	if err != nil {
		return err
	}
	_, err = s.domain.Comment(ctx, petitioning.Remark{Petition: id, Parent: &first, Body: "An answer."})
	return err
}

// set moves a petition to a state, or gives it an end, for which there is no command yet.
func (s *site) set(ctx context.Context, id uuid.UUID, state string, end time.Time) error {
	_, err := s.db.Write.ExecContext(ctx, `UPDATE petitions SET state = $2, ends_at = $3 WHERE id = $1`, id, state, end)
	if err != nil {
		return err
	}
	_, err = s.db.Write.ExecContext(ctx, `UPDATE ranks SET state = $2 WHERE petition_id = $1`, id, state)
	if err != nil {
		return err
	}
	_, err = s.db.Write.ExecContext(ctx, `UPDATE petition_tags SET state = $2 WHERE petition_id = $1`, id, state)
	if err != nil {
		return err
	}
	_, err = s.db.Write.ExecContext(ctx, sitetest.CountPublic)
	if err != nil {
		return err
	}
	_, err = s.db.Write.ExecContext(ctx, `UPDATE counters SET accepting = $2, until = $3 WHERE petition_id = $1`, id, state == "OPEN", end)
	return err
}

// label names a petition, its signatures and comments by their numbers, and its tags by their keys.
func (s *site) label(t testing.TB, n *names, name string, id uuid.UUID) {
	t.Helper()
	n.set("petition:"+name, scalar.NewID(scalar.Petition, id).String())
	n.set("count:"+name, scalar.NewID(scalar.Count, id).String())
	for _, list := range []struct {
		tag         byte
		kind, query string
	}{
		{scalar.Signature, "signature:" + name + ".", `SELECT id, COALESCE(CAST(number AS TEXT), 'waiting') FROM signatures WHERE petition_id = $1`},
		{scalar.Comment, "comment:" + name + ".", `SELECT id, CAST(number AS TEXT) FROM comments WHERE petition_id = $1`},
		{scalar.Tag, "tag:", `SELECT t.id, t.key FROM tags AS t JOIN petition_tags AS p ON p.tag_id = t.id WHERE p.petition_id = $1`},
	} {
		rows, err := s.db.Read.QueryContext(t.Context(), list.query, id)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var key uuid.UUID
			var which string
			if err := rows.Scan(&key, &which); err != nil {
				t.Fatal(err)
			}
			n.set(list.kind+which, scalar.NewID(list.tag, key).String())
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// operator gives a context in which everything is allowed.
func operator(ctx context.Context) context.Context {
	return petitioning.WithActor(ctx, petitioning.Operator())
}
