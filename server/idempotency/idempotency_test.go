package idempotency_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/idempotency"
	"petitiond/server/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func newKey(t *testing.T, caller, mutation, key string, input any) idempotency.Key {
	t.Helper()
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(make([]byte, secret.RootSize))))
	if err != nil {
		t.Fatal(err)
	}
	k, err := idempotency.New(keys, caller, mutation, key, input)
	if err != nil {
		t.Fatal(err)
	}
	return *k
}

// A key stands for one request of one caller, and its digest for the input.
func TestNew(t *testing.T) {
	t.Parallel()
	type input struct{ Title string }
	first := newKey(t, "ann", "sign", "k", input{"a"})
	for name, test := range map[string]struct {
		other           idempotency.Key
		sameID, matches bool
	}{
		"Same":            {newKey(t, "ann", "sign", "k", input{"a"}), true, true},
		"AnotherInput":    {newKey(t, "ann", "sign", "k", input{"b"}), true, false},
		"AnotherCaller":   {newKey(t, "bob", "sign", "k", input{"a"}), false, true},
		"AnotherMutation": {newKey(t, "ann", "comment", "k", input{"a"}), false, true},
		"AnotherKey":      {newKey(t, "ann", "sign", "l", input{"a"}), false, true},
		"ShiftedParts":    {newKey(t, "nn", "signa", "k", input{"a"}), false, true},
	} {
		err := first.Check(test.other)
		if got := first.ID == test.other.ID; got != test.sameID {
			t.Errorf("%s: the same id: %v", name, got)
		}
		if got := err == nil; got != test.matches || !got && !errors.Is(err, idempotency.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeepFindSweep(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
		within := func(fn func(ctx context.Context, tx *sql.Tx) error) {
			t.Helper()
			if err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error { return fn(t.Context(), tx) }); err != nil {
				t.Fatal(err)
			}
		}
		key, answer := newKey(t, "ann", "create", "k", 1), uuid.New()
		keep := func(k idempotency.Key, answer uuid.UUID, at time.Time) (fresh bool) {
			t.Helper()
			within(func(ctx context.Context, tx *sql.Tx) (err error) {
				fresh, err = idempotency.Keep(ctx, tx, idempotency.Record{Key: k, Answer: answer, At: at})
				return err
			})
			return fresh
		}
		find := func(k idempotency.Key) (uuid.UUID, bool, error) { return idempotency.Find(t.Context(), db.Write, k) }
		if got, found, err := find(key); found || err != nil {
			t.Fatalf("before it is kept: %v, %v, %v", got, found, err)
		}
		if !keep(key, answer, now) || keep(key, uuid.New(), now) {
			t.Error("want the first to be new, and the second not")
		}
		if got, found, err := find(key); got != answer || !found || err != nil {
			t.Errorf("got %v, %v, %v; want the first answer", got, found, err)
		}
		if got, found, err := find(newKey(t, "ann", "create", "k", 2)); got != uuid.Nil || found || !errors.Is(err, idempotency.ErrMismatch) {
			t.Errorf("with another input: %v, %v, %v", got, found, err)
		}
		for i := range 3 {
			keep(newKey(t, "ann", "create", fmt.Sprint("old", i), 1), answer, now.Add(-time.Hour))
		}
		var swept []int
		for _, after := range []time.Duration{47 * time.Hour, 48*time.Hour - time.Second, 48 * time.Hour, 48*time.Hour + time.Second} {
			within(func(ctx context.Context, tx *sql.Tx) error {
				n, err := idempotency.Sweep(ctx, tx, now.Add(after), 2)
				swept = append(swept, n)
				return err
			})
		}
		if want := fmt.Sprint([]int{0, 2, 1, 1}); fmt.Sprint(swept) != want {
			t.Errorf("swept %v, want %v", swept, want)
		}
		if _, found, err := find(key); found || err != nil {
			t.Errorf("after it was swept: %v, %v", found, err)
		}
	})
}
