package transport_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/answerbudget"
	"petitiond/server/eventmark"
	"petitiond/server/transport"
)

// sizing is a schema whose fields answer with as many bytes as the test says.
func sizing(bytes *int) *stub {
	s := newStub()
	text := func(context.Context, map[string]any) (any, error) { return strings.Repeat("x", *bytes), nil }
	s.resolvers["hello"], s.resolvers["touch"] = text, text
	return s
}

const (
	answerSize = 64 << 10
	around     = len(`{"data":{"hello":""}}`)
)

func small() transport.Limits {
	l := transport.DefaultLimits()
	l.AnswerSize = answerSize
	return l
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	bytes := 0
	_, server := serve(t, transport.Options{Schema: sizing(&bytes), Limits: small(), ShareAnswers: true})
	const limit = `{"code":"LIMIT_EXCEEDED","limit":"answer","value":65536}`
	const refused = `{"errors":[{"message":"An answer may have at most 65536 bytes. Ask for less at a time.","extensions":` + limit + `}]}`
	const done = `{"errors":[{"message":"This was done, but its answer would have more than 65536 bytes. Ask for less of what was changed.","extensions":` +
		limit + `}],"data":null}`
	for name, test := range map[string]struct {
		bytes             int
		document, headers string
		status            int
		body              string // empty: what was asked for
	}{
		"JustFits":    {answerSize - around, `{ hello }`, "Accept: application/json", 200, ""},
		"TooLarge":    {answerSize - around + 1, `{ hello }`, "Accept: application/json", 200, refused},
		"Modern":      {answerSize, `{ hello }`, "Accept: application/graphql-response+json", 400, refused},
		"WithCost":    {answerSize, `{ hello }`, "X-GraphQL-Cost: report", 200, refused},
		"Mutation":    {answerSize, `mutation { touch }`, "Accept: application/json", 200, done},
		"AsEvents":    {answerSize/4 - around, `{ hello }`, events, 200, ""},
		"EventsLarge": {answerSize / 4, `{ hello }`, events, 200, strings.ReplaceAll(refused, "65536", "16384")},
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // they share the size
			bytes = test.bytes
			// Another document each time: answers of queries are shared.
			got := ask(t, http.MethodPost, server, query(test.document+" # "+name), test.headers)
			want := test.body
			if want == "" {
				want = `{"data":{"hello":"` + strings.Repeat("x", test.bytes) + `"}}`
			}
			if test.headers == events {
				want = "event: next\ndata: " + want + "\n\nevent: complete\ndata:\n\n"
				got.body = strings.TrimPrefix(got.body, ":\n\n")
			}
			if diff := cmp.Diff(want, got.body); diff != "" || got.status != test.status {
				t.Errorf("status %d, want %d; body (-want +got):\n%.1000s", got.status, test.status, diff)
			}
		})
	}
}

// Over a socket an answer waits in memory until it was read, so that it may be a quarter as large: also one that was
// computed for somebody who asked over HTTP.
func TestAnswersOnSocketsAreBounded(t *testing.T) {
	t.Parallel()
	bytes := answerSize / 2
	_, server := serve(t, transport.Options{Schema: sizing(&bytes), Limits: small(), ShareAnswers: true})
	if got := ask(t, http.MethodPost, server, query(`{ hello }`)); len(got.body) != bytes+around {
		t.Fatalf("over HTTP: %.200s", got.body)
	}
	conn := open(t, server, `{}`)
	conn.SetReadLimit(1 << 20)
	tell(t, conn, subscribe("1", `{ hello }`))
	if m := hear(t, conn); m.Type != "error" || !strings.Contains(string(m.Payload), `"limit":"answer","value":16384`) {
		t.Errorf("got %s %.300s", m.Type, m.Payload)
	}
	tell(t, conn, subscribe("2", `mutation { touch }`))
	if m := hear(t, conn); m.Type != "next" || !strings.Contains(string(m.Payload), `This was done`) {
		t.Errorf("got %s %.300s", m.Type, m.Payload)
	}
	hear(t, conn) // complete
	bytes = answerSize/4 - around
	tell(t, conn, subscribe("3", `{ hello } # again`))
	if m := hear(t, conn); m.Type != "next" || len(m.Payload) != answerSize/4 {
		t.Errorf("got %s of %d bytes", m.Type, len(m.Payload))
	}
}

// A subscription ends with the first event that is too large, and with the first that makes all it has to tell too
// large: the newest of every topic is kept for those who come later.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		topics []string
		sizes  []int
		want   string // for each event, and for the end
	}{
		"Large":      {[]string{"a", "a", "a"}, []int{100, 15_000, 17_000}, "next next error"},
		"SameTopic":  {[]string{"a", "a", "a"}, []int{9_000, 9_000, 9_000}, "next next next complete"},
		"ManyTopics": {[]string{"a", "b", "c"}, []int{7_000, 7_000, 7_000}, "next next error"},
		"NoTopic":    {[]string{"", "", ""}, []int{7_000, 7_000, 7_000}, "next next next complete"}, // the oldest is missed by those who come later
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema, source := newStub(), make(chan any)
			schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) { return source, nil }
			_, server := serve(t, transport.Options{Schema: schema, Limits: small()})
			conn := open(t, server, `{}`)
			conn.SetReadLimit(1 << 20)
			tell(t, conn, subscribe("1", `subscription { hello }`))
			var got []string
			for i, size := range test.sizes {
				source <- marked{Mark: eventmark.Mark{Topic: test.topics[i]}, value: strings.Repeat("x", size)}
				got = append(got, hear(t, conn).Type)
			}
			if got[len(got)-1] == "next" {
				close(source)
				got = append(got, hear(t, conn).Type)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %s, want %s", strings.Join(got, " "), test.want)
			}
		})
	}
}

// Where the memory for answers is in use, a query is asked to come back, and a mutation that its outcome is to be
// asked for. Afterwards everything is there again.
func TestMemoryForAnswers(t *testing.T) {
	t.Parallel()
	schema, inside, leave := newStub(), make(chan struct{}), make(chan struct{})
	wait := func(ctx context.Context, _ map[string]any) (any, error) {
		if err := answerbudget.From(ctx).Read(1 << 20); err != nil {
			return nil, err
		}
		inside <- struct{}{}
		<-leave
		return "done", nil
	}
	schema.resolvers["hello"] = wait
	schema.resolvers["touch"] = func(ctx context.Context, _ map[string]any) (any, error) {
		return "", answerbudget.From(ctx).Read(1 << 20)
	}
	_, server := serve(t, transport.Options{Schema: schema, Memory: 5 << 20}) // half of it is for one address
	first := make(chan reply)
	go func() { first <- ask(t, http.MethodPost, server, query(`{ hello }`)) }()
	<-inside
	go func() { first <- ask(t, http.MethodPost, server, query(`{ hello }`)) }()
	<-inside
	for document, code := range map[string]string{`{ hello }`: "UNAVAILABLE", `mutation { touch }`: "OUTCOME_UNKNOWN"} {
		got := ask(t, http.MethodPost, server, query(document))
		if got.status != 503 || got.code() != code || got.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s", document, got.status, got.body)
		}
	}
	close(leave)
	for range 2 {
		if got := <-first; got.body != `{"data":{"hello":"done"}}` {
			t.Error(got.body)
		}
	}
	go func() { <-inside }()
	if got := ask(t, http.MethodPost, server, query(`{ hello }`)); got.status != 200 {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}
