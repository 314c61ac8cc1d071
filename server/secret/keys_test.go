package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"petitiond/server/secret"
)

// allPurposes is written out, so that a purpose that is added or renamed shows up here.
var allPurposes = []secret.Purpose{
	secret.AddressDigest, secret.AddressSeal, secret.NameSeal, secret.Cursor,
	secret.EditToken, secret.AdminKey, secret.InputDigest, secret.CallerDigest, secret.AuthorLink, secret.Fingerprint,
	secret.OutboxSeal, secret.SignatureToken, secret.SignatureCode, secret.ReasonSeal, secret.MailboxDigest,
}

// testKeys returns keys of a root of thirty-two equal bytes.
func testKeys(t testing.TB, fill byte) *secret.Keys {
	t.Helper()
	root := bytes.Repeat([]byte{fill}, secret.RootSize)
	keys, err := secret.Parse([]byte(base64.StdEncoding.EncodeToString(root)))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestDigestNeverChanges pins digests: if it fails, every stored digest and token has become worthless.
func TestDigestNeverChanges(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"address digest":  "8251284cf08e2457",
		"address seal":    "760536c9fa744460",
		"admin key":       "cbe236f57cdf53cd",
		"author link":     "38f8d6bcfb8b9ded",
		"caller digest":   "3bbe0c2dbc818353",
		"cursor":          "444ed765ee5d730c",
		"edit token":      "0c872bcf7aab3520",
		"fingerprint":     "af1ef2f7ff4ba09f",
		"input digest":    "aac2f78aff36e84b",
		"name seal":       "aca79fb498b1a7b5",
		"outbox seal":     "ff65ec1f080144c9",
		"signature token": "17637e6b36b24047",
		"signature code":  "8b27ac344b71530a",
		"reason seal":     "79009c747b32f7af",
		"mailbox digest":  "f79010abd6bb26b7",
	}
	got := make(map[string]string)
	for _, p := range allPurposes {
		got[p.String()] = hex.EncodeToString(testKeys(t, 7).Digest(p, []byte("petition"), []byte("ann@example.org"))[:8])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("digests changed (-want +got):\n%s", diff)
	}
}

// TestOpenNeverChanges opens a value that an earlier build sealed.
func TestOpenNeverChanges(t *testing.T) {
	t.Parallel()
	sealed, err := hex.DecodeString("0182a8401f7d31e29f7c5eade6790b959fbd0e0f796b2f5585cade6f860ff10b80b02a7404b88531")
	if err != nil {
		t.Fatal(err)
	}
	got, err := testKeys(t, 7).Open(secret.NameSeal, sealed, []byte("row 1"))
	if err != nil || string(got) != "Ann Example" {
		t.Errorf("Open: got %d bytes, error %v; want the name that was sealed", len(got), err)
	}
}

func TestDigestTellsApart(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, 7)
	seen := make(map[string]string)
	note := func(name string, digest []byte) {
		t.Helper()
		if len(digest) != 32 {
			t.Errorf("%s: got %d bytes, want 32", name, len(digest))
		}
		if other, ok := seen[string(digest)]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[string(digest)] = name
	}
	note("other root", testKeys(t, 8).Digest(secret.Cursor, []byte("ab"), []byte("c")))
	note("ab,c", keys.Digest(secret.Cursor, []byte("ab"), []byte("c")))
	note("a,bc", keys.Digest(secret.Cursor, []byte("a"), []byte("bc")))
	note("abc", keys.Digest(secret.Cursor, []byte("abc")))
	note("abc and nothing", keys.Digest(secret.Cursor, []byte("abc"), nil))
	note("no part", keys.Digest(secret.Cursor))
	note("one empty part", keys.Digest(secret.Cursor, nil))
	for _, p := range allPurposes {
		whole := keys.Digest(p, []byte("x"))
		note("purpose "+p.String(), whole)
		if short := keys.ShortDigest(p, []byte("x")); !bytes.Equal(short, whole[:16]) {
			t.Errorf("%s: the short digest is %x, want the first half of %x", p, short, whole)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, 7)
	place := []byte("signature 1")
	sealed := keys.Seal(secret.NameSeal, []byte("Ann Example"), place)
	tests := map[string]func() ([]byte, error){
		"OtherPurpose": func() ([]byte, error) { return keys.Open(secret.AddressSeal, sealed, place) },
		"OtherPlace":   func() ([]byte, error) { return keys.Open(secret.NameSeal, sealed, []byte("signature 2")) },
		"NoPlace":      func() ([]byte, error) { return keys.Open(secret.NameSeal, sealed, nil) },
		"OtherRoot":    func() ([]byte, error) { return testKeys(t, 8).Open(secret.NameSeal, sealed, place) },
		"Empty":        func() ([]byte, error) { return keys.Open(secret.NameSeal, nil, place) },
		"KeyIdAlone":   func() ([]byte, error) { return keys.Open(secret.NameSeal, sealed[:1], place) },
		"CutShort":     func() ([]byte, error) { return keys.Open(secret.NameSeal, sealed[:len(sealed)-1], place) },
		"MadeLonger":   func() ([]byte, error) { return keys.Open(secret.NameSeal, append(bytes.Clone(sealed), 0), place) },
	}
	for name, open := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := open()
			if !errors.Is(err, secret.ErrNotOpened) || got != nil {
				t.Errorf("got %d bytes, error %v; want ErrNotOpened alone", len(got), err)
			}
		})
	}
}

func TestOpenRefusesEveryChangedByte(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, 7)
	sealed := keys.Seal(secret.AddressSeal, []byte("ann@example.org"), nil)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 0x10
		if _, err := keys.Open(secret.AddressSeal, changed, nil); !errors.Is(err, secret.ErrNotOpened) {
			t.Errorf("byte %d changed: got %v, want ErrNotOpened", i, err)
		}
	}
}

func TestSealProperties(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, 7)
	rapid.Check(t, func(t *rapid.T) {
		purpose := rapid.SampledFrom(allPurposes).Draw(t, "purpose")
		plaintext := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		place := rapid.SliceOf(rapid.Byte()).Draw(t, "place")
		sealed := keys.Seal(purpose, plaintext, place)
		if want := 1 + 12 + len(plaintext) + 16; len(sealed) != want {
			t.Fatalf("sealed %d bytes into %d, want %d", len(plaintext), len(sealed), want)
		}
		if bytes.Equal(sealed, keys.Seal(purpose, plaintext, place)) {
			t.Fatal("sealing twice gave the same bytes: the nonce does not change")
		}
		if len(plaintext) > 7 && bytes.Contains(sealed, plaintext) {
			t.Fatal("the plaintext can be read in the sealed value")
		}
		got, err := keys.Open(purpose, sealed, place)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("opened %d bytes, error %v; want the plaintext", len(got), err)
		}
		if _, err := keys.Open(purpose, sealed, append(place, 1)); !errors.Is(err, secret.ErrNotOpened) {
			t.Fatalf("opened at another place: %v", err)
		}
	})
}

func TestDigestProperties(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, 7)
	parts := rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		same := len(a) == len(b)
		for i := 0; same && i < len(a); i++ {
			same = bytes.Equal(a[i], b[i])
		}
		if got := bytes.Equal(keys.Digest(secret.InputDigest, a...), keys.Digest(secret.InputDigest, b...)); got != same {
			t.Fatalf("equal digests: %t, equal parts: %t", got, same)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, 7)
	want := keys.Digest(secret.Cursor, []byte("x"))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				sealed := keys.Seal(secret.NameSeal, []byte("Ann"), nil)
				if got, err := keys.Open(secret.NameSeal, sealed, nil); err != nil || string(got) != "Ann" {
					t.Errorf("opened %d bytes, error %v", len(got), err)
				}
				if !bytes.Equal(keys.Digest(secret.Cursor, []byte("x")), want) {
					t.Error("the digest changed")
				}
			}
		})
	}
	group.Wait()
}

func TestToken(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, 7)
	token := keys.Token("pe_", secret.EditToken, []byte("petition"), []byte("nonce"))
	body, ok := strings.CutPrefix(token, "pe_")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if !ok || err != nil || len(raw) != 32 {
		t.Fatalf("the token is not pe_ and 32 bytes in base64url: %d bytes, error %v", len(raw), err)
	}
	if again := keys.Token("pe_", secret.EditToken, []byte("petition"), []byte("nonce")); again != token {
		t.Error("the same parts gave another token")
	}
	if other := keys.Token("pe_", secret.EditToken, []byte("petition"), []byte("other")); other == token {
		t.Error("another nonce gave the same token")
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	if got := hex.EncodeToString(secret.Hash("abc")); got != want {
		t.Errorf("Hash: got %s, want %s", got, want)
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	keys := testKeys(t, 7)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, keys); got != "secret.Keys" {
			t.Errorf("%s prints %d characters, want the type's name alone", verb, len(got))
		}
	}
}

// TestFingerprintNeverChanges pins what databases keep: if it fails, every site refuses its own secret.
func TestFingerprintNeverChanges(t *testing.T) {
	t.Parallel()
	const want = "a819096336c8d4436b8609c6f37e97668e34eb8c29bb6a5f277fa285584cce7f"
	if got := hex.EncodeToString(testKeys(t, 7).Fingerprint()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if bytes.Equal(testKeys(t, 7).Fingerprint(), testKeys(t, 8).Fingerprint()) {
		t.Error("two secrets have one fingerprint")
	}
}

func BenchmarkSeal(b *testing.B) {
	keys := testKeys(b, 7)
	address, place := []byte("ann.example@example.org"), make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		keys.Seal(secret.AddressSeal, address, place)
	}
}

func BenchmarkDigest(b *testing.B) {
	keys := testKeys(b, 7)
	address, petition := []byte("ann.example@example.org"), make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		keys.Digest(secret.AddressDigest, petition, address)
	}
}
