package petitioning

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/secret"
)

// bare gives a Service whose ledger is not at work.
func bare(t *testing.T, db *database.DB) *Service {
	t.Helper()
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, secret.RootSize))))
	if err != nil {
		t.Fatal(err)
	}
	book, err := ledger.New(t.Context(), db, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	t.Cleanup(func() {
		if err := book.Run(ctx); err != nil { // gives its statements back
			t.Error(err)
		}
	})
	return New(Options{Database: db, Ledger: book, Keys: keys})
}

// tables gives ent's client of every table, by the name of its entity.
func tables(c *ent.Client) map[string]reflect.Value {
	out := map[string]reflect.Value{}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.IsExported() && v.Field(i).MethodByName("Query").IsValid() {
			out[field.Name] = v.Field(i)
		}
	}
	return out
}

// call calls a method of a value and gives the error that is its last result.
func call(v reflect.Value, method string, args ...any) error {
	in := make([]reflect.Value, len(args))
	for i, arg := range args {
		in[i] = reflect.ValueOf(arg)
	}
	out := v.MethodByName(method).Call(in)
	err, _ := out[len(out)-1].Interface().(error)
	return err
}

// TestReaderReadsWhatIsListed goes through every table that there is, so that a new one is nobody's to read
// until it is listed.
func TestReaderReadsWhatIsListed(t *testing.T) {
	t.Parallel()
	listed := []string{"Comment", "Petition", "PetitionTag", "Signature", "Slug", "Tag"}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := bare(t, db)
		for _, actor := range []*Actor{Anonymous(), Operator(), {edits: []uuid.UUID{uuid.New(), uuid.New()}}} {
			ctx := WithActor(t.Context(), actor)
			var readable []string
			for name, table := range tables(s.reader) {
				query := table.MethodByName("Query").Call(nil)[0]
				err := call(query, "Count", ctx)
				if err == nil {
					readable = append(readable, name)
				} else if !errors.Is(err, errUnreadable) {
					t.Errorf("%s: %v, want %v", name, err, errUnreadable)
				}
			}
			slices.Sort(readable)
			if !slices.Equal(listed, readable) {
				t.Errorf("the reader reads %v, want %v", readable, listed)
			}
		}
	})
}

func TestReadersWriteNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := bare(t, db)
		ctx := WithActor(t.Context(), Operator())
		for client, all := range map[string]map[string]reflect.Value{"reader": tables(s.reader), "lookup": tables(s.lookup)} {
			if len(all) < 14 {
				t.Errorf("%d tables, want all", len(all))
			}
			for name, table := range all {
				for _, verb := range []string{"Create", "Update", "Delete"} {
					build := table.MethodByName(verb).Call(nil)[0]
					if err := call(build, "Exec", ctx); !errors.Is(err, errReadOnly) {
						t.Errorf("%s of %s by the %s: %v, want %v", verb, name, client, err, errReadOnly)
					}
				}
			}
		}
	})
}

// TestReaderFollowsEdges makes sure that the conditions hold in every shape of statement that ent writes.
func TestReaderFollowsEdges(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := bare(t, db)
		made, err := s.Create(t.Context(), Draft{Title: "Unseen", Body: "x", Petitioner: "Ada", Tags: []string{"unseen"}})
		if err != nil {
			t.Fatal(err)
		}
		for who, want := range map[string]struct {
			actor *Actor
			sees  bool
		}{
			"Anonymous": {Anonymous(), false}, "Stranger": {&Actor{edits: []uuid.UUID{uuid.New()}}, false},
			"Petitioner": {&Actor{edits: []uuid.UUID{made.Petition}}, true}, "Operator": {Operator(), true},
		} {
			ctx := WithActor(t.Context(), want.actor)
			for shape, count := range map[string]func() (int, error){
				"Petition":            func() (int, error) { return s.reader.Petition.Query().Count(ctx) },
				"Slug":                func() (int, error) { return s.reader.Slug.Query().Count(ctx) },
				"SlugToPetition":      func() (int, error) { return s.reader.Slug.Query().QueryPetition().Count(ctx) },
				"PetitionToSlug":      func() (int, error) { return s.reader.Petition.Query().QuerySlugs().Count(ctx) },
				"Tag":                 func() (int, error) { return s.reader.Tag.Query().Count(ctx) },
				"TagToPetition":       func() (int, error) { return s.reader.Tag.Query().QueryPetitions().Count(ctx) },
				"PetitionToTag":       func() (int, error) { return s.reader.Petition.Query().QueryTags().Count(ctx) },
				"PetitionTag":         func() (int, error) { return s.reader.PetitionTag.Query().Count(ctx) },
				"PetitionTagToTag":    func() (int, error) { return s.reader.PetitionTag.Query().QueryTag().Count(ctx) },
				"ThereAndBack":        func() (int, error) { return s.reader.Petition.Query().QuerySlugs().QueryPetition().Count(ctx) },
				"ThroughTagsAndBack":  func() (int, error) { return s.reader.Petition.Query().QueryTags().QueryPetitions().Count(ctx) },
				"LoadedWithTags":      func() (int, error) { rows, err := s.reader.Petition.Query().WithTags().All(ctx); return len(rows), err },
				"LoadedWithPetitions": func() (int, error) { return loaded(s.reader.Tag.Query().WithPetitions().All(ctx)) },
			} {
				n, err := count()
				if err != nil || (n == 1) != want.sees {
					t.Errorf("%s by %s: %d rows, error %v; seen should be %v", shape, who, n, err, want.sees)
				}
			}
			for shape, count := range map[string]func() (int, error){
				"Comments":   func() (int, error) { return s.reader.Petition.Query().QueryComments().Count(ctx) },
				"Signatures": func() (int, error) { return s.reader.Petition.Query().QuerySignatures().Count(ctx) },
				"Answers": func() (int, error) {
					return s.reader.Comment.Query().QueryAnswers().QueryParent().QueryPetition().Count(ctx)
				},
				"OfSignatures": func() (int, error) { return s.reader.Signature.Query().QueryPetition().QueryTags().Count(ctx) },
			} {
				if n, err := count(); err != nil || n != 0 {
					t.Errorf("%s by %s: %d rows, error %v; there are none", shape, who, n, err)
				}
			}
		}
	})
}

func loaded(rows []*ent.Tag, err error) (int, error) {
	n := 0
	for _, row := range rows {
		n += len(row.Edges.Petitions)
	}
	return n, err
}
