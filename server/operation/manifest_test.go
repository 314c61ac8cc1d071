package operation_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/operation"
)

func TestReadManifest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       operation.Manifest
		err        string
	}{
		{name: "Texts", text: `{"a":"{ hello }","sha256:b":"{ nested { value } }"}`, want: operation.Manifest{"a": "{ hello }", "b": "{ nested { value } }"}},
		{name: "Empty", text: `{}`, want: operation.Manifest{}},
		{
			name: "Apollo",
			text: `{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"a","name":"A","type":"query","body":"query A { hello }"}]}`,
			want: operation.Manifest{"a": "query A { hello }"},
		},
		{name: "NotJSON", text: `{`, err: "is not valid JSON"},
		{name: "List", text: `[]`, err: "must be a JSON object"},
		{name: "Twice", text: `{"a":"{ a }","a":"{ a }"}`, err: "twice"},
		{name: "TwoTexts", text: `{"sha256:a":"{ a }","a":"{ b }"}`, err: "two texts"},
		{name: "NoText", text: `{"a":1}`, err: `no text for the document "a"`},
		{name: "NoName", text: `{"":"{ a }"}`, err: "no text for the document"},
		{name: "OtherFormat", text: `{"format":"other","version":1,"operations":[]}`, err: "not of the format"},
		{name: "OtherVersion", text: `{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}`, err: "not of the format"},
		{name: "NoOperations", text: `{"format":"apollo-persisted-query-manifest","version":1}`, err: "not of the format"},
		{name: "NoID", text: `{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"body":"{ a }"}]}`, err: "no text for the document"},
		{name: "NoObject", text: `{"format":"apollo-persisted-query-manifest","version":1,"operations":["a"]}`, err: "no text for the document"},
		{name: "Large", text: `{"a":"` + strings.Repeat("#", 16<<20) + `"}`, err: "larger than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := operation.ReadManifest(strings.NewReader(test.text))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("manifest (-want +got):\n%s", diff)
			}
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
	broken := errors.New("the disk is gone")
	if _, err := operation.ReadManifest(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}
