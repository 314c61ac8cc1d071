package transport_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"petitiond/server/transport"
)

func TestPanics(t *testing.T) {
	t.Parallel()
	explode := func(context.Context, map[string]any) (any, error) { panic("secret") }
	inResolver := newStub()
	inResolver.resolvers["hello"] = explode
	tests := []struct {
		name    string
		options transport.Options
		headers []string
	}{
		{name: "Resolver", options: transport.Options{Schema: inResolver}},
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
			got := ask(t, http.MethodPost, server, hello, append(test.headers, "X-Request-ID: abc")...)
			if !strings.Contains(got.body, `"code":"INTERNAL"`) || !strings.Contains(got.body, `"requestId":"abc"`) {
				t.Errorf("body: %s", got.body)
			}
			if strings.Contains(got.body+log.String(), "secret") {
				t.Errorf("what was thrown is told: %s\n%s", got.body, &log)
			}
			if !strings.Contains(log.String(), `"request_id":"abc"`) || !strings.Contains(log.String(), "panic_test.go") {
				t.Errorf("the log does not say where: %s", &log)
			}
		})
	}
}
