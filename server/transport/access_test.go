package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/transport"
)

type actorKey struct{}

// known is an Authenticate that knows the credential "good" and cannot check
// the credential "later".
func known(ctx context.Context, bearer string) (context.Context, error) {
	switch bearer {
	case "good":
		return context.WithValue(ctx, actorKey{}, "admin"), nil
	case "later":
		return nil, fmt.Errorf("ask the database: %w", transport.ErrUnavailable)
	default:
		return nil, errors.New("unknown credential")
	}
}

// whoami is a schema that says who asks.
func whoami() *stub {
	schema := newStub()
	schema.resolvers["hello"] = func(ctx context.Context, _ map[string]any) (any, error) { return ctx.Value(actorKey{}), nil }
	schema.sources["hello"] = func(ctx context.Context, _ map[string]any) (<-chan any, error) {
		return sent(ctx.Value(actorKey{})), nil
	}
	return schema
}

// sent returns a source that ends after these events.
func sent(events ...any) <-chan any {
	source := make(chan any, len(events))
	for _, event := range events {
		source <- event
	}
	close(source)
	return source
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: whoami(), Authenticate: known})
	tests := []struct {
		name   string
		values []string // of Authorization
		status int
		body   string // or nothing, for errors
		code   string
	}{
		{name: "Anonymous", status: 200, body: `{"data":{"hello":null}}`},
		{name: "Good", values: []string{"Bearer good"}, status: 200, body: `{"data":{"hello":"admin"}}`},
		{name: "SchemeCase", values: []string{"bearer  good"}, status: 200, body: `{"data":{"hello":"admin"}}`},
		{name: "Bad", values: []string{"Bearer bad"}, status: 401, code: "UNAUTHENTICATED"},
		{name: "Empty", values: []string{"Bearer "}, status: 401, code: "UNAUTHENTICATED"},
		{name: "Nothing", values: []string{""}, status: 401, code: "UNAUTHENTICATED"},
		{name: "Basic", values: []string{"Basic good"}, status: 401, code: "UNAUTHENTICATED"},
		{name: "Two", values: []string{"Bearer good", "Bearer good"}, status: 401, code: "UNAUTHENTICATED"},
		{name: "Later", values: []string{"Bearer later"}, status: 503, code: "UNAVAILABLE"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, http.MethodGet, server+"?query={hello}", nil)
			r.Header["Authorization"] = test.values
			got := do(t, r)
			if got.status != test.status || got.code() != test.code {
				t.Errorf("got %d %s, want %d %s", got.status, got.code(), test.status, test.code)
			}
			if diff := cmp.Diff(test.body, got.body); test.body != "" && diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCookiesDoNotAuthorise(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: whoami(), Authenticate: known})
	got := ask(t, http.MethodPost, server, hello, "Cookie: authorization=Bearer good; session=good")
	if diff := cmp.Diff(`{"data":{"hello":null}}`, got.body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const friend = "https://friend.example"
	tests := []struct {
		name    string
		allowed []string
		origin  string
		method  string
		want    string // Access-Control-Allow-Origin
	}{
		{"Allowed", []string{friend}, friend, "POST", friend},
		{"AllowedPreflight", []string{friend}, friend, "OPTIONS", friend},
		{"Stranger", []string{friend}, "https://stranger.example", "POST", ""},
		{"StrangerPreflight", []string{friend}, "https://stranger.example", "OPTIONS", ""},
		{"OtherScheme", []string{friend}, "http://friend.example", "OPTIONS", ""},
		{"OtherPort", []string{friend}, friend + ":8443", "OPTIONS", ""},
		{"LongerName", []string{friend}, friend + ".evil.example", "OPTIONS", ""},
		{"NobodyAllowed", nil, friend, "OPTIONS", ""},
		{"Null", nil, "null", "OPTIONS", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, server := serve(t, transport.Options{AllowedOrigins: test.allowed})
			got := ask(t, test.method, server, hello, "Origin: "+test.origin,
				"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type")
			if diff := cmp.Diff(test.want, got.header.Get("Access-Control-Allow-Origin")); diff != "" {
				t.Errorf("allowed origin (-want +got):\n%s", diff)
			}
			if credentials := got.header.Get("Access-Control-Allow-Credentials"); credentials != "" {
				t.Errorf("credentials are allowed: %s", credentials)
			}
			allowed := got.header.Get("Access-Control-Allow-Headers")
			if preflight := test.method == "OPTIONS" && test.want != ""; preflight != (allowed != "") {
				t.Errorf("allowed headers: %q", allowed)
			}
		})
	}
}

// TestCredentialInTheAddress refuses a credential where logs keep it, instead of treating its holder as nobody.
func TestCredentialInTheAddress(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: whoami(), Authenticate: known})
	for _, name := range []string{"access_token", "accessToken", "ACCESS_TOKEN", "api_key", "apikey", "authorization", "edit_token", "bearer"} {
		parameters := "?query=" + url.QueryEscape("{ hello }") + "&" + name + "=good"
		for way, got := range map[string]reply{
			"GET":         ask(t, http.MethodGet, server+parameters, ""),
			"HEAD":        {status: ask(t, http.MethodHead, server+parameters, "").status, body: `{"errors":[{"extensions":{"code":"BAD_REQUEST"}}]}`},
			"POST":        ask(t, http.MethodPost, server+"?"+name+"=good", hello),
			"PUT":         ask(t, http.MethodPut, server+"?"+name+"=good", ""),
			"events":      ask(t, http.MethodGet, server+parameters, "", events),
			"with header": ask(t, http.MethodPost, server+"?"+name+"=good", hello, "Authorization: Bearer good"),
		} {
			if got.status != http.StatusBadRequest || got.code() != "BAD_REQUEST" || strings.Contains(got.body, "good") {
				t.Errorf("%s by %s: %d %s", name, way, got.status, got.body)
			}
		}
		if _, status := dial(t, server+"?"+name+"=good"); status != http.StatusBadRequest {
			t.Errorf("%s by a socket: %d", name, status)
		}
	}
	got := ask(t, http.MethodGet, server+"?access_token=good&query={hello}", "")
	if !strings.Contains(got.body, "Authorization: Bearer") {
		t.Errorf("the error does not say where a credential belongs: %s", got.body)
	}
	for _, harmless := range []string{"?query={hello}&access=1", "?query={hello}&utm_source=access_token", "?query={hello}&my_access_token=1"} {
		if got := ask(t, http.MethodGet, server+harmless, ""); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", harmless, got.status, got.body)
		}
	}
}
