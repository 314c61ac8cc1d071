package transport_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/transport"
)

const inParts = `Accept: multipart/mixed;subscriptionSpec="1.0", application/json`

// partsOf returns the parts of an answer, and whether it ended in order behind the last one.
func partsOf(t *testing.T, kind, body string) (parts []string, ended bool) {
	t.Helper()
	media, params, err := mime.ParseMediaType(kind)
	if err != nil || media != "multipart/mixed" || params["subscriptionspec"] != "1.0" {
		t.Errorf("Content-Type %q, error %v", kind, err)
		return nil, false
	}
	for reader := multipart.NewReader(strings.NewReader(body), params["boundary"]); ; {
		part, err := reader.NextPart()
		if err != nil {
			return parts, errors.Is(err, io.EOF)
		}
		if got := part.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("a part is %q", got)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return parts, false
		}
		parts = append(parts, string(text))
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	schema := whoami()
	schema.sources["signatureCount"] = func(_ context.Context, args map[string]any) (<-chan any, error) {
		switch args["petitionId"] {
		case "none":
			return nil, &gqlerror.Error{Message: "No such petition.", Extensions: map[string]any{"code": "NOT_FOUND"}}
		case "boundary":
			return sent(map[string]any{"total": 1, "asOf": "\r\n--graphql--\r\n"}), nil
		}
		return sent(map[string]any{"total": 1}, map[string]any{"total": 2}), nil
	}
	_, server := serve(t, transport.Options{Schema: schema, Authenticate: known})
	watch := func(id string) string {
		return query(`subscription { signatureCount(petitionId: "` + id + `") { total } }`)
	}
	const only = `Accept: multipart/mixed;subscriptionSpec=1.0`
	for name, test := range map[string]struct {
		method, path, body string
		headers            []string
		want               []string
	}{
		"Subscription": {"POST", "", watch("a"), []string{inParts}, []string{
			"{}", `{"payload":{"data":{"signatureCount":{"total":1}}}}`, `{"payload":{"data":{"signatureCount":{"total":2}}}}`,
		}},
		"Get": {
			"GET", "?" + url.Values{"query": {"subscription { hello }"}}.Encode(), "",
			[]string{inParts},
			[]string{"{}", `{"payload":{"data":{"hello":null}}}`},
		},
		"Credential": {
			"POST", "", query("subscription { hello }"),
			[]string{inParts, "Authorization: Bearer good"},
			[]string{"{}", `{"payload":{"data":{"hello":"admin"}}}`},
		},
		"Query": {"POST", "", hello, []string{only}, []string{"{}", `{"payload":{"data":{"hello":null}}}`}},
		"NotFound": {"POST", "", watch("none"), []string{inParts}, []string{
			"{}", `{"payload":{"errors":[{"message":"No such petition.","extensions":{"code":"NOT_FOUND"}}]}}`,
		}},
		"Invalid": {"POST", "", query("subscription { nope }"), []string{only}, []string{
			`{"payload":{"errors":[{"message":"Cannot query field \"nope\" on type \"Subscription\".","locations":[{"line":1,"column":16}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, test.method, server+test.path, test.body, test.headers...)
			parts, ended := partsOf(t, got.header.Get("Content-Type"), got.body)
			if diff := cmp.Diff(test.want, parts); diff != "" || !ended || got.status != http.StatusOK {
				t.Errorf("status %d, ended %v (-want +got):\n%s", got.status, ended, diff)
			}
			// Apollo Client takes a part only when it sees the boundary behind it, and finds boundaries by their line break.
			if !strings.HasPrefix(got.body, "\r\n--graphql\r\n") || !strings.HasSuffix(got.body, "\r\n--graphql--\r\n") {
				t.Errorf("the body is %q", got.body)
			}
		})
	}
	for name, test := range map[string]struct {
		body    string
		headers []string
		status  int
		code    string
	}{
		"QueryWhereJSONWouldDo": {hello, []string{inParts}, http.StatusOK, ""},
		"Unauthenticated":       {watch("a"), []string{inParts, "Authorization: Bearer bad"}, http.StatusUnauthorized, "UNAUTHENTICATED"},
		"OtherVersion":          {watch("a"), []string{`Accept: multipart/mixed;subscriptionSpec="2.0", application/json`}, http.StatusNotAcceptable, "BAD_REQUEST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, http.MethodPost, server, test.body, test.headers...)
			if kind := got.header.Get("Content-Type"); got.status != test.status || got.code() != test.code || !strings.HasPrefix(kind, "application/json") {
				t.Errorf("status %d, %s: %s", got.status, kind, got.body)
			}
		})
	}
}

func TestIdlePartsGiveSignsOfLife(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Ping = time.Millisecond
	began, ended := make(chan struct{}), make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = endless(began, ended)
	_, server := serve(t, transport.Options{Schema: schema, Limits: limits})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	lines := stream(t, request(t, http.MethodPost, server, strings.NewReader(query("subscription { hello }")), inParts).WithContext(ctx))
	for n := 0; n < 3; { // the first opens the stream
		switch line := <-lines; line {
		case "{}":
			n++
		case "", "--graphql", "Content-Type: application/json":
		default:
			t.Fatalf("got %q", line)
		}
	}
	leave()
	for range lines {
	}
	<-ended
}

// A stream that is cut is not complete.
func TestShutdownCutsParts(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), make(chan struct{})
	schema := newStub()
	schema.sources["hello"] = endless(began, ended)
	tr, server := serve(t, transport.Options{Schema: schema})
	lines := stream(t, request(t, http.MethodPost, server, strings.NewReader(query("subscription { hello }")), inParts))
	<-began
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-ended
	for line := range lines {
		if strings.HasPrefix(line, "--graphql--") {
			t.Error("the stream is complete")
		}
	}
}
