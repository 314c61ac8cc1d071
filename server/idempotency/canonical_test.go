package idempotency

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// TestCanonical: digests of inputs are kept for two days, and a server of another version reads them.
func TestCanonical(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		input := struct{ A, B string }{rapid.String().Draw(t, "a"), "<a href=\"x\">\u2028 & \xff\u2029</a>"}
		want, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		got, err := canonical(input)
		if err != nil || string(got) != string(want) {
			t.Errorf("got %s, error %v, want %s", got, err, want)
		}
	})
}
