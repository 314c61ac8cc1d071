package sitetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/ent/petition"
	"petitiond/server/petitioning"
	"petitiond/server/state"
)

// As returns a context in which the holder of a credential acts; an empty one is nobody's.
func (s *Site) As(t testing.TB, bearer string) context.Context {
	t.Helper()
	if bearer == "" {
		return petitioning.WithActor(t.Context(), petitioning.Anonymous())
	}
	actor, err := s.Authenticate(t.Context(), bearer)
	OK(t, err)
	return petitioning.WithActor(t.Context(), actor)
}

// Operator returns a context in which the operator acts.
func Operator(t testing.TB) context.Context {
	t.Helper()
	return petitioning.WithActor(t.Context(), petitioning.Operator())
}

// Draft returns an input with which all is well.
func Draft(adjust ...func(*petitioning.Draft)) petitioning.Draft {
	d := petitioning.Draft{Title: "Save the bees", Body: "They are few.", Petitioner: "Ada Obi"}
	for _, fn := range adjust {
		fn(&d)
	}
	return d
}

// MustCreate makes a draft that must be taken.
func (s *Site) MustCreate(t testing.TB, adjust ...func(*petitioning.Draft)) petitioning.Created {
	t.Helper()
	c, err := s.Create(s.As(t, ""), Draft(adjust...))
	OK(t, err)
	return c
}

// MustPublish makes a petition that is open, and everything that its making told is forgotten.
func (s *Site) MustPublish(t testing.TB, adjust ...func(*petitioning.Draft)) petitioning.Created {
	t.Helper()
	c := s.MustCreate(t, adjust...)
	OK(t, s.Publish(s.As(t, c.EditToken), c.Petition))
	s.Told()
	return c
}

// Signing returns the signature of the n-th person, with which all is well.
func Signing(id uuid.UUID, n int, adjust ...func(*petitioning.Signing)) petitioning.Signing {
	s := petitioning.Signing{Petition: id, Name: fmt.Sprintf("Person %d", n), Email: fmt.Sprintf("person%d@example.org", n)}
	for _, fn := range adjust {
		fn(&s)
	}
	return s
}

// MustSign has the n-th person sign.
func (s *Site) MustSign(t testing.TB, id uuid.UUID, n int, adjust ...func(*petitioning.Signing)) {
	t.Helper()
	OK(t, s.Sign(s.As(t, ""), Signing(id, n, adjust...)))
}

// MustComment writes a comment that must be taken.
func (s *Site) MustComment(t testing.TB, r petitioning.Remark) uuid.UUID {
	t.Helper()
	id, err := s.Comment(s.As(t, ""), r)
	OK(t, err)
	return id
}

// Edit returns an edit of the newest version of a petition.
func (s *Site) Edit(t testing.TB, id uuid.UUID, adjust func(*petitioning.Update)) petitioning.Update {
	t.Helper()
	u := petitioning.Update{Petition: id, Version: s.Row(t, id).Version}
	adjust(&u)
	return u
}

// Signed imports an open petition that was signed at these times.
func (s *Site) Signed(t testing.TB, times []time.Time, tags ...string) uuid.UUID {
	t.Helper()
	in := petitioning.Imported{Draft: Draft(), State: "OPEN", CreatedAt: Monday.AddDate(-1, 0, 0)}
	in.Tags = tags
	for i, at := range times {
		in.Signatures = append(in.Signatures, petitioning.ImportedSignature{
			Name: "Ada", Address: fmt.Sprintf("ada%d@example.org", i), At: at,
		})
	}
	id, err := s.Import(Operator(t), in)
	OK(t, err)
	return id
}

// CountPublic counts the public petitions of all tags again, for tests that move petitions by SQL.
var CountPublic = `UPDATE tags SET public_petitions = (SELECT COUNT(*) FROM petition_tags AS pt JOIN petitions AS p
 ON p.id = pt.petition_id WHERE pt.tag_id = tags.id AND p.state IN ` + state.PublicSQL + `)`

// Move puts a petition into a state that no operation of the domain leads to.
func (s *Site) Move(t testing.TB, id uuid.UUID, to petition.State) {
	t.Helper()
	s.Exec(t, `UPDATE petitions SET state = $2 WHERE id = $1`, id, string(to))
	s.Exec(t, `UPDATE ranks SET state = $2 WHERE petition_id = $1`, id, string(to))
	s.Exec(t, `UPDATE petition_tags SET state = $2 WHERE petition_id = $1`, id, string(to))
	s.Exec(t, `UPDATE counters SET accepting = $2 WHERE petition_id = $1`, id, to == petition.StateOPEN)
	s.Exec(t, CountPublic)
}

// Exec runs a statement.
func (s *Site) Exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := s.DB.Write.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
