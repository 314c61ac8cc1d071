package petitioning

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"reflect"
	"testing"

	"petitiond/ent"
	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/ledger"
	"petitiond/server/secret"
)

// bare returns a Service whose ledger is not at work.
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

func TestLookupWritesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := bare(t, db)
		ctx := WithActor(t.Context(), Operator())
		all := tables(s.lookup)
		if len(all) < 14 {
			t.Errorf("%d tables, want all", len(all))
		}
		for name, table := range all {
			for _, verb := range []string{"Create", "Update", "Delete"} {
				build := table.MethodByName(verb).Call(nil)[0]
				if err := call(build, "Exec", ctx); !errors.Is(err, errReadOnly) {
					t.Errorf("%s of %s: %v, want %v", verb, name, err, errReadOnly)
				}
			}
		}
	})
}
