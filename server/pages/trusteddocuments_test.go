package pages_test

import (
	"strings"
	"testing"

	"petitiond/server/pages"
)

// The documents are those that the scripts send: as many as they name operations, and each a part of a script.
func TestDocuments(t *testing.T) {
	t.Parallel()
	h := serve(t, setup().options(), bundle())
	scripts := page(t, h, "/assets/live.js") + page(t, h, "/assets/sign.js")
	found := pages.Documents()
	if want := strings.Count(scripts, "subscription {") + strings.Count(scripts, "subscription (") + strings.Count(scripts, "mutation ("); len(found) != want || want < 3 {
		t.Errorf("%d documents found, want %d", len(found), want)
	}
	for _, text := range found {
		if !strings.Contains(scripts, text) || !strings.HasSuffix(text, "}") {
			t.Errorf("no script sends %s", text)
		}
	}
}
