package petitioning

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"petitiond/ent"
	"petitiond/ent/apikey"
	"petitiond/ent/token"
	"petitiond/server/reading"
	"petitiond/server/secret"
	"petitiond/server/signing"
	"petitiond/server/text"
)

// apiKeyPrefix is how every API key begins, as secret.EditTokenPrefix for edit tokens.
const apiKeyPrefix = "pk_"

// ErrUnauthenticated reports that a credential is unknown or has expired.
var ErrUnauthenticated = errors.New("the credential is unknown or has expired")

// Scope is what an API key may do.
type Scope string

// The scopes of the contract.
const (
	ScopeSign             Scope = "SIGN"
	ScopeReadSignatures   Scope = "READ_SIGNATURES"
	ScopeWritePetitions   Scope = "WRITE_PETITIONS"
	ScopeModerate         Scope = "MODERATE"
	ScopeExport           Scope = "EXPORT"
	ScopeWebhooks         Scope = "WEBHOOKS"
	ScopeAdmin            Scope = "ADMIN"
	anonymousCaller             = "anonymous"
	adminCaller                 = "admin"
	editTokenCallerPrefix       = "edit:"
)

// Scopes returns all scopes.
func Scopes() []Scope {
	return []Scope{
		ScopeSign, ScopeReadSignatures, ScopeWritePetitions, ScopeModerate, ScopeExport, ScopeWebhooks, ScopeAdmin,
	}
}

// Actor is the caller: anybody, the holder of a petition's edit token, a signatory, or an API key. An actor lives as
// long as a request or a subscription's connection.
type Actor struct {
	caller  string // identifies the credential in idempotency keys
	scopes  []Scope
	expires *time.Time // of the credential

	edits     []uuid.UUID // petitions that the actor may see and edit
	signature uuid.UUID   // that the actor has made; the zero id: none

	mu   sync.Mutex  // guards made
	made []uuid.UUID // petitions that this request has created, which the actor may see
}

// Anonymous returns an actor without a credential.
func Anonymous() *Actor { return &Actor{caller: anonymousCaller} }

// Anonymous reports whether the actor came without a credential.
func (a *Actor) Anonymous() bool { return a.caller == anonymousCaller }

// IsAdmin reports whether the actor may do everything.
func (a *Actor) IsAdmin() bool { return slices.Contains(a.scopes, ScopeAdmin) }

// Same reports whether two results of authentication are the same caller with the same rights.
func (a *Actor) Same(b *Actor) bool {
	// What a request has created is left out: that is its own, and another request with the credential may not see it.
	return a.caller == b.caller && slices.Equal(a.rights(), b.rights()) && slices.Equal(a.edits, b.edits)
}

// rights are the scopes, each once and in order.
func (a *Actor) rights() []Scope { return slices.Compact(slices.Sorted(slices.Values(a.scopes))) }

// Expires returns when the credential expires, or the zero time.
func (a *Actor) Expires() time.Time {
	if a.expires == nil {
		return time.Time{}
	}
	return *a.expires
}

// mayEdit reports whether the actor may see and edit the petition in every state.
func (a *Actor) mayEdit(petition uuid.UUID) bool {
	return a.IsAdmin() || slices.Contains(a.edits, petition)
}

// own returns the petitions that the actor may see in every state.
func (a *Actor) own() []uuid.UUID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Concat(a.edits, a.made)
}

// Viewer returns what reading needs to know about the actor.
func (a *Actor) Viewer() reading.Viewer { return reading.Viewer{All: a.IsAdmin(), Own: a.own()} }

// addOwn lets the rest of the request see the petition that it has created, now or when the same request was first
// sent. Changing it requires the edit token.
func (a *Actor) addOwn(petition uuid.UUID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.made = append(a.made, petition)
}

type actorKey struct{}

// WithActor returns a context that carries the actor.
func WithActor(ctx context.Context, a *Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom returns the actor of a context, by default an anonymous one.
func ActorFrom(ctx context.Context) *Actor {
	if a, ok := ctx.Value(actorKey{}).(*Actor); ok {
		return a
	}
	return Anonymous()
}

// HasActor reports whether the context carries an actor.
func HasActor(ctx context.Context) bool {
	_, ok := ctx.Value(actorKey{}).(*Actor)
	return ok
}

// Authenticate returns the actor of a bearer credential: the admin key, an edit token, an API key or the token of
// a signature. An unknown,
// expired or revoked one is ErrUnauthenticated, never an anonymous actor.
func (s *Service) Authenticate(ctx context.Context, bearer string) (*Actor, error) {
	// In constant time, or how long it takes would tell how many characters are right. Other credentials are found by
	// their hashes, which tell nothing.
	if s.opt.AdminKey != "" && subtle.ConstantTimeCompare([]byte(bearer), []byte(s.opt.AdminKey)) == 1 {
		return &Actor{caller: adminCaller, scopes: Scopes()}, nil
	}
	switch {
	// By its beginning: each kind has a table of its own, and what is no credential costs no statement.
	case strings.HasPrefix(bearer, secret.EditTokenPrefix):
		return s.Editor(ctx, bearer)
	case strings.HasPrefix(bearer, apiKeyPrefix):
		return s.partner(ctx, bearer)
	case strings.HasPrefix(bearer, signing.TokenPrefix):
		return s.signatory(ctx, bearer)
	}
	return nil, ErrUnauthenticated
}

// Editor returns the actor of an edit token. Any other credential is ErrUnauthenticated.
func (s *Service) Editor(ctx context.Context, bearer string) (*Actor, error) {
	t, err := s.lookup.Token.Query().
		Where(token.Hash(secret.Hash(bearer)), token.PurposeEQ(token.PurposeEDIT)).Only(ctx)
	if ent.IsNotFound(err) || (err == nil && expired(t.ExpiresAt, s.opt.Now())) {
		return nil, ErrUnauthenticated
	}
	if err != nil {
		return nil, fmt.Errorf("looking an edit token up: %w", err)
	}
	return &Actor{caller: editTokenCallerPrefix + t.ID.String(), edits: []uuid.UUID{t.PetitionID}, expires: t.ExpiresAt}, nil
}

// partner returns the actor of an API key.
func (s *Service) partner(ctx context.Context, bearer string) (*Actor, error) {
	k, err := s.lookup.ApiKey.Query().Where(apikey.Hash(secret.Hash(bearer)), apikey.RevokedAtIsNil()).Only(ctx)
	if ent.IsNotFound(err) || (err == nil && expired(k.ExpiresAt, s.opt.Now())) {
		return nil, ErrUnauthenticated
	}
	if err != nil {
		return nil, fmt.Errorf("looking an API key up: %w", err)
	}
	a := &Actor{caller: apiKeyPrefix + k.ID.String(), expires: k.ExpiresAt}
	for _, scope := range k.Scopes {
		a.scopes = append(a.scopes, Scope(scope))
	}
	return a, nil
}

// expired reports whether a credential no longer holds. At the moment of its expiry it does not.
func expired(at *time.Time, now time.Time) bool { return at != nil && !now.Before(*at) }

// CheckAPIKey returns the name for an API key as it is stored, and everything that is wrong with name and scopes.
func CheckAPIKey(name string, scopes []Scope) (string, error) {
	f := &faults{}
	name, fault := text.CheckLine(name, "The name", 1, 100)
	f.add(fault, "name")
	unknown := func(s Scope) bool { return !slices.Contains(Scopes(), s) }
	switch {
	case len(scopes) == 0:
		f.add("Give at least one scope of "+ScopeList()+".", "scope")
	case slices.ContainsFunc(scopes, unknown):
		f.add("There is no such scope; the scopes are "+ScopeList()+".", "scope")
	}
	return name, f.err()
}

// ScopeList returns all scopes as people read them.
func ScopeList() string {
	var list []string
	for _, scope := range Scopes() {
		list = append(list, string(scope))
	}
	return strings.Join(list, ", ")
}

// CreateAPIKey creates a key for a partner's program and returns its secret, which is stored nowhere. It leaves a trace
// in the log.
func (s *Service) CreateAPIKey(ctx context.Context, name string, scopes []Scope) (string, error) {
	name, err := CheckAPIKey(name, scopes)
	if err != nil {
		return "", err
	}
	// The table holds texts: it must not refuse to be read where a later version has other scopes.
	texts := make([]string, len(scopes))
	for i, scope := range scopes {
		texts[i] = string(scope)
	}
	id := newID()
	// The id is random and makes the derived secret random; it is not stored.
	nonce := uuid.New()
	bearer := s.opt.Keys.Token(apiKeyPrefix, secret.EditToken, []byte("api key"), nonce[:], id[:])
	err = s.inTx(ctx, func(t *tx) error {
		return t.ApiKey.Create().SetID(id).SetName(name).SetHash(secret.Hash(bearer)).SetScopes(texts).
			SetCreatedAt(s.opt.Now()).Exec(ctx)
	})
	if err != nil {
		return "", err
	}
	// Without its name, which somebody typed: the row has that.
	s.opt.Logger.InfoContext(ctx, "an API key was created", "key", id, "scopes", texts)
	return bearer, nil
}
