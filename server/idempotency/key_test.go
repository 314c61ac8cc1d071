package idempotency_test

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/idempotency"
)

// TestKeysOfStrangers tells keys that may be random from those that others could guess.
func TestKeysOfStrangers(t *testing.T) {
	t.Parallel()
	good := map[string]func() string{
		"UUID":   uuid.NewString,
		"UUID7":  func() string { return uuid.Must(uuid.NewV7()).String() },
		"Bare":   func() string { return strings.ReplaceAll(uuid.NewString(), "-", "") },
		"Hex":    func() string { return hex.EncodeToString(random(16)) },
		"Base64": func() string { return base64.RawURLEncoding.EncodeToString(random(16)) },
		"ULID": func() string {
			return "01KB7Q0000" + base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding).EncodeToString(random(10))
		},
	}
	for name, fresh := range good {
		for range 20_000 {
			if key := fresh(); idempotency.CheckKey(key, true) != "" {
				t.Errorf("%s: %s is refused", name, key)
			}
		}
	}
	bad := []string{
		"", "aaaaaaaaaaaaaaaa", "Zk3vQ9xT1bLrW7nYp0sEc", strings.Repeat("a", 22), "20261129114500000000000001", strings.Repeat("ab", 18), strings.Repeat("abc", 12),
		strings.Repeat("12345", 7), "0123456789abcdef0123456789abcdef", "abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba",
		"01234567890123456789012345", "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001",
		"aabbccddeeffgghhiijjkkll", strings.Repeat("acegikmoqsuwy", 2), strings.Repeat("é", 30),
		strings.Repeat("\xff", 30), "5f0c1d8e-93b7-4a26-8e4d-\x00b1a7c2f60935", strings.Repeat("0fa1e7c3b5d8", 22),
	}
	for _, key := range bad {
		if idempotency.CheckKey(key, true) == "" {
			t.Errorf("%q is taken", key)
		}
	}
	for _, key := range []string{"1", "aaaaaaaaaaaaaaaa", strings.Repeat("k", 255)} {
		if fault := idempotency.CheckKey(key, false); fault != "" {
			t.Errorf("with a credential %q is refused: %s", key, fault)
		}
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
