package transport_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/transport"
)

func TestPanics(t *testing.T) {
	t.Parallel()
	explode := func(context.Context, map[string]any) (any, error) { panic("secret") }
	inResolver := newStub()
	inResolver.resolvers["hello"] = explode
	inMutation, inSource, inEvent, failing := newStub(), newStub(), newStub(), newStub()
	failing.resolvers["hello"] = func(context.Context, map[string]any) (any, error) { return nil, errors.New("x") }
	inMutation.resolvers["touch"] = explode
	inSource.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) { panic("secret") }
	inEvent.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) {
		return sent(func(context.Context) any { panic("secret") }), nil
	}
	tests := []struct {
		name    string
		options transport.Options
		method  string // POST
		body    string // hello
		headers []string
		shared  bool // executed once for many requests, under an id of its own
	}{
		{name: "Resolver", options: transport.Options{Schema: inResolver}},
		{name: "Get", options: transport.Options{Schema: inResolver}, method: http.MethodGet},
		{name: "Mutation", options: transport.Options{Schema: inMutation}, body: query("mutation { touch }")},
		{name: "Around", options: transport.Options{Around: func(context.Context) context.Context { panic("secret") }}},
		{name: "Presenter", options: transport.Options{
			Schema:         failing,
			ErrorPresenter: func(context.Context, error) *gqlerror.Error { panic("secret") },
		}},
		{name: "EventsOfAQuery", options: transport.Options{Schema: inResolver}, headers: []string{events}},
		{name: "Source", options: transport.Options{Schema: inSource}, body: query("subscription { hello }"), headers: []string{events}, shared: true},
		{name: "Event", options: transport.Options{Schema: inEvent}, body: query("subscription { hello }"), headers: []string{events}, shared: true},
		{name: "Authenticate", options: transport.Options{
			Authenticate: func(context.Context, string) (context.Context, error) { panic("secret") },
		}, headers: []string{"Authorization: Bearer x"}},
		{name: "Stream", options: transport.Options{
			Around: func(context.Context) context.Context { panic("secret") },
		}, headers: []string{"Accept: text/event-stream"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			test.options.Logger = slog.New(slog.NewJSONHandler(&log, nil))
			_, server := serve(t, test.options)
			method, body, target := http.MethodPost, test.body, server
			if body == "" {
				body = hello
			}
			if test.method == http.MethodGet {
				method, body, target = test.method, "", server+"?query={hello}"
			}
			got := ask(t, method, target, body, append(test.headers, "X-Request-ID: abc")...)
			id := "abc"
			if found := regexp.MustCompile(`"requestId":"(\w+)"`).FindStringSubmatch(got.body); test.shared && found != nil {
				id = found[1]
			}
			if !strings.Contains(got.body, `"code":"INTERNAL"`) || !strings.Contains(got.body, `"requestId":"`+id+`"`) {
				t.Errorf("body: %s", got.body)
			}
			if strings.Contains(got.body+log.String(), "secret") {
				t.Errorf("what was thrown is told: %s\n%s", got.body, &log)
			}
			if !strings.Contains(log.String(), `"request_id":"`+id+`"`) || !strings.Contains(log.String(), "panic_test.go") {
				t.Errorf("the log does not say where: %s", &log)
			}
			if lines := strings.Count(log.String(), "\n"); lines != 1 {
				t.Errorf("%d lines are logged, want one:\n%s", lines, &log)
			}
		})
	}
}

// An error whose code is not one of those that the README has is nobody's business: the log tells of it.
func TestUnpublishedCodes(t *testing.T) {
	t.Parallel()
	for _, code := range []any{"COMPLEXITY_LIMIT_EXCEEDED", "INVALID", "", 7, nil} {
		var log bytes.Buffer
		schema := newStub()
		schema.resolvers["hello"] = func(context.Context, map[string]any) (any, error) { return nil, errors.New("x") }
		_, server := serve(t, transport.Options{
			Schema: schema, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
			ErrorPresenter: func(ctx context.Context, _ error) *gqlerror.Error {
				return &gqlerror.Error{Message: "secret", Path: graphql.GetPath(ctx), Extensions: map[string]any{"code": code, "more": "secret"}}
			},
		})
		got := ask(t, http.MethodPost, server, hello, "X-Request-ID: abc")
		if got.code() != "INTERNAL" || got.status != http.StatusInternalServerError || strings.Contains(got.body+log.String(), "secret") ||
			!strings.Contains(got.body, `"requestId":"abc"`) || !strings.Contains(got.body, `"path":["hello"]`) {
			t.Errorf("%v: got %d %s", code, got.status, got.body)
		}
		if !strings.Contains(log.String(), `"request_id":"abc"`) || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%v: logged %s", code, &log)
		}
	}
}
