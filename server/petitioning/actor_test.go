package petitioning_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/keyset"
	"petitiond/server/petitioning"
	"petitiond/server/reading"
	"petitiond/server/secret"
	"petitiond/server/sitetest"
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		key, err := b.CreateAPIKey(t.Context(), " Partner  program ", []petitioning.Scope{petitioning.ScopeSign})
		ok(t, err)
		other, err := b.CreateAPIKey(t.Context(), "Partner program", []petitioning.Scope{petitioning.ScopeSign})
		ok(t, err)
		equal(t, "begins with its kind", true, strings.HasPrefix(key, "pk_"))
		equal(t, "two are alike", false, key == other)
		equal(t, "places of the key", []string(nil), b.places(t, strings.TrimPrefix(key, "pk_")))
		stored := value[[]byte](t, b, `SELECT hash FROM api_keys ORDER BY id LIMIT 1`)
		equal(t, "stored hash", true, bytes.Equal(stored, secret.Hash(key)))
		equal(t, "name", "Partner program", value[string](t, b, `SELECT name FROM api_keys ORDER BY id LIMIT 1`))
		actor := petitioning.ActorFrom(b.As(t, key))
		equal(t, "anonymous, operator", []bool{false, false}, []bool{actor.Anonymous(), actor.IsAdmin()})
		b.Exec(t, `UPDATE api_keys SET revoked_at = $1`, monday)
		if _, err := b.Authenticate(t.Context(), key); !errors.Is(err, petitioning.ErrUnauthenticated) {
			t.Errorf("a revoked key gives %v", err)
		}
		_, err = b.CreateAPIKey(t.Context(), "\x00", nil)
		faults(t, err, "INVALID name", "INVALID scope")
		_, err = b.CreateAPIKey(t.Context(), strings.Repeat("é", 101), []petitioning.Scope{petitioning.ScopeSign, "EVERYTHING"})
		faults(t, err, "INVALID name", "INVALID scope")
	})
}

// TestSameActor asks twice for a credential, and in between its rights change.
func TestSameActor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		made, err := b.Create(b.As(t, ""), draft())
		ok(t, err)
		key, err := b.CreateAPIKey(t.Context(), "Partner", []petitioning.Scope{petitioning.ScopeAdmin, petitioning.ScopeSign})
		ok(t, err)
		find := func(bearer string) *petitioning.Actor { return petitioning.ActorFrom(b.As(t, bearer)) }
		all := []string{"", adminKey, key, made.EditToken}
		for i, before := range all {
			for j, now := range all {
				equal(t, fmt.Sprintf("credential %d is %d", i, j), i == j, find(before).Same(find(now)))
			}
		}
		before := find(key)
		for scopes, same := range map[string]bool{`["SIGN","ADMIN","SIGN"]`: true, `["SIGN"]`: false, `["SIGN","ADMIN","EXPORT"]`: false} {
			b.Exec(t, `UPDATE api_keys SET scopes = $1`, scopes)
			equal(t, "the same with "+scopes, same, before.Same(find(key)))
		}
	})
}

func TestWithoutAnAdminKey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db, func(o *petitioning.Options) { o.AdminKey = "" })
		for _, bearer := range []string{"", adminKey} {
			if _, err := b.Authenticate(t.Context(), bearer); !errors.Is(err, petitioning.ErrUnauthenticated) {
				t.Errorf("%q gives %v", bearer, err)
			}
		}
	})
}

func TestActorOfAContext(t *testing.T) {
	t.Parallel()
	equal(t, "has one", false, petitioning.HasActor(t.Context()))
	equal(t, "is anonymous", true, petitioning.ActorFrom(t.Context()).Anonymous())
	actor := petitioning.Operator()
	ctx := petitioning.WithActor(t.Context(), actor)
	equal(t, "has one", true, petitioning.HasActor(ctx))
	equal(t, "is the one", true, petitioning.ActorFrom(ctx) == actor)
	equal(t, "anonymous, operator", []bool{false, true}, []bool{actor.Anonymous(), actor.IsAdmin()})
	equal(t, "scopes of nobody", false, petitioning.Anonymous().IsAdmin())
}

// TestOneActorManyFields uses an actor as the fields of one answer do: at once.
func TestOneActorManyFields(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		b := setup(t, db)
		ctx := b.As(t, "")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				made, err := b.Create(ctx, draft())
				if err != nil {
					t.Error(err)
					return
				}
				if sees, err := b.Reads(ctx).Sees(ctx, made.Petition); !sees || err != nil {
					t.Errorf("who made it sees it: %v, error %v", sees, err)
				}
			})
		}
		all.Wait()
		page, err := b.Reads(ctx).Petitions(ctx, reading.PetitionQuery{Filter: &reading.Filter{States: sitetest.States}}, keyset.Args{})
		ok(t, err)
		equal(t, "petitions that the actor sees", 8, len(page.Edges))
	})
}

func TestErrorsReadWell(t *testing.T) {
	t.Parallel()
	one := &petitioning.Error{Code: petitioning.Invalid, Message: "Mend this.", Field: []string{"input"}, RetryAfter: time.Second}
	two := &petitioning.Error{Code: petitioning.NotFound, Message: "No such thing."}
	equal(t, "one", "INVALID: Mend this.", one.Error())
	equal(t, "both", "INVALID: Mend this.; NOT_FOUND: No such thing.", petitioning.Errors{one, two}.Error())
	equal(t, "faults of one", petitioning.Errors{one}, petitioning.Faults(errors.Join(errors.New("below"), one)))
	equal(t, "faults of many", petitioning.Errors{one, two}, petitioning.Faults(petitioning.Errors{one, two}))
	equal(t, "faults of something else", petitioning.Errors(nil), petitioning.Faults(errors.New("broken")))
	equal(t, "faults of nothing", petitioning.Errors(nil), petitioning.Faults(nil))
}
