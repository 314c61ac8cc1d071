package transport

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	plain, modern, nothing := accepted{answer: mediaJSON}, accepted{answer: mediaGraphQL}, accepted{}
	tests := []struct {
		name   string
		accept []string
		want   accepted
	}{
		{"Missing", nil, plain},
		{"Empty", []string{""}, plain},
		{"JSON", []string{"application/json"}, plain},
		{"Modern", []string{"application/graphql-response+json"}, modern},
		{"Case", []string{"Application/GraphQL-Response+JSON"}, modern},
		{"Anything", []string{"*/*"}, plain},
		{"AnyApplication", []string{"application/*"}, plain},
		{"Both", []string{"application/json, application/graphql-response+json"}, modern},
		{"BothInTwoHeaders", []string{"application/json", "application/graphql-response+json"}, modern},
		{"JSONPreferred", []string{"application/graphql-response+json;q=0.5, application/json;q=0.9"}, plain},
		{"ModernPreferred", []string{"application/json;q=0.9, application/graphql-response+json"}, modern},
		{"ModernOrAnything", []string{"application/graphql-response+json, */*"}, modern},
		{"JSONOrAnything", []string{"application/json, */*;q=0.8"}, plain},
		{"AnythingButJSON", []string{"*/*, application/json;q=0"}, modern},
		{"AnythingButModern", []string{"application/graphql-response+json;q=0, */*"}, plain},
		{"Browser", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, plain},
		{"Refused", []string{"application/json;q=0"}, nothing},
		{"Other", []string{"text/html"}, nothing},
		{"UTF8", []string{"application/json; charset=UTF-8"}, plain},
		{"OtherCharset", []string{"application/json; charset=utf-16"}, nothing},
		{"BadQuality", []string{"application/json;q=2"}, nothing},
		{"NoNumber", []string{"application/json;q=NaN"}, nothing},
		{"Broken", []string{"application/json/x, ;;"}, nothing},
		{"Events", []string{"text/event-stream"}, accepted{stream: mediaEvents}},
		{"EventsOrJSON", []string{"text/event-stream, application/json;q=0.1"}, accepted{answer: mediaJSON, stream: mediaEvents}},
		{"EventsRefused", []string{"text/event-stream;q=0, application/json"}, plain},
		{"Parts", []string{`multipart/mixed;subscriptionSpec="1.0"`}, accepted{stream: mediaParts}},
		{
			"ApolloWeb",
			[]string{"multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"},
			accepted{answer: mediaGraphQL, stream: mediaParts},
		},
		{"ApolloDefer", []string{"multipart/mixed;deferSpec=20220824,application/json"}, plain},
		{"OtherParts", []string{`multipart/mixed;subscriptionSpec="2.0", application/json`}, plain},
		{
			"Urql",
			[]string{"application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"},
			accepted{answer: mediaGraphQL, stream: mediaEvents},
		},
		{"BothStreams", []string{"multipart/mixed;subscriptionSpec=1.0, text/event-stream"}, accepted{stream: mediaEvents}},
		{"PartsPreferred", []string{"multipart/mixed;subscriptionSpec=1.0, text/event-stream;q=0.9"}, accepted{stream: mediaParts}},
		{"PartsRefused", []string{"multipart/mixed;subscriptionSpec=1.0;q=0, application/json"}, plain},
		{"AnyMultipartIsNoStream", []string{"multipart/*;subscriptionSpec=1.0, application/json"}, plain},
		{"AnyTextIsNoStream", []string{"text/*"}, nothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, negotiate(test.accept), cmp.AllowUnexported(accepted{})); diff != "" {
				t.Errorf("accepted (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("application/json;q=0.5, */*")
	f.Add("text/event-stream;charset=\"")
	f.Add("multipart/mixed;subscriptionSpec=1.0")
	f.Fuzz(func(t *testing.T, accept string) {
		got := negotiate([]string{accept})
		if got.refusal() == "" || got.answer == mediaEvents || got.answer == mediaParts {
			t.Errorf("%q became %+v", accept, got)
		}
	})
}
