package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
)

// keySize is the length of every derived key in bytes, for AES-256 and HMAC-SHA256.
const keySize = 32

// shortDigest is the length of a short digest in bytes.
const shortDigest = 16

// firstKey is the id of the only root that there is so far. Every sealed value begins with it: should the root ever be
// replaced, old values can still be told apart and read.
const firstKey byte = 1

// ErrNotOpened means that a sealed value cannot be opened. It does not tell why, since AES-GCM cannot.
var ErrNotOpened = errors.New("the sealed value is damaged, or was sealed with another secret or for another use")

// Keys digests and seals, with separate keys for each purpose. It never changes, so it is safe for concurrent use.
type Keys struct {
	macs  [purposes]sync.Pool // of hash.Hash: to make one takes as long as a digest of a short text
	seals [purposes]cipher.AEAD
}

// newKeys derives all keys, which takes some 50 µs.
func newKeys(root []byte) (*Keys, error) {
	k := new(Keys)
	for p := range purposes {
		mac, err := derive(root, "digest", p)
		if err != nil {
			return nil, err
		}
		seal, err := derive(root, "seal", p)
		if err != nil {
			return nil, err
		}
		k.macs[p].New = func() any { return hmac.New(sha256.New, mac) }
		if k.seals[p], err = newAEAD(seal); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// derive returns the key for one use and purpose. Both enter the derivation, so no key is ever used with two
// algorithms.
func derive(root []byte, use string, p Purpose) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, root, nil, "petitiond/1/"+use+"/"+p.String(), keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key for %s: %w", p, err)
	}
	return key, nil
}

// newAEAD returns AES-256-GCM that chooses its nonces by itself, so that none can be used twice by mistake.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	return aead, nil
}

// Digest returns the HMAC-SHA256 of parts with the key of the purpose. Each part is preceded by its length, so that
// ("ab", "c") and ("a", "bc") have different digests.
func (k *Keys) Digest(purpose Purpose, parts ...[]byte) []byte {
	mac := k.macs[purpose].Get().(hash.Hash) //nolint:forcetypeassert // nothing else is in there
	defer k.macs[purpose].Put(mac)
	mac.Reset()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		mac.Write(length[:])
		mac.Write(part)
	}
	return mac.Sum(make([]byte, 0, sha256.Size))
}

// ShortDigest returns the first 16 bytes of a digest, for values in a unique index. Among 2^50 of them, two are equal
// with a probability of 2^-29, and nobody can search for such a pair without the secret. It is short because signatures
// enter the index at random places, so that the size of its entries determines how much is written to disk.
func (k *Keys) ShortDigest(purpose Purpose, parts ...[]byte) []byte {
	return k.Digest(purpose, parts...)[:shortDigest]
}

// Fingerprint returns the digest by which a database recognises its secret. It reveals nothing about other keys, since
// it has one of its own.
func (k *Keys) Fingerprint() []byte { return k.Digest(Fingerprint, []byte("petitiond")) }

// Seal encrypts plaintext with AES-256-GCM and the key of the purpose. The result is bound to associated, which is not
// part of it and must be passed to Open again: it should identify where the value belongs, so that nobody can move a
// sealed value to another row unnoticed. The result is the id of the key, a random nonce of 12 bytes, the ciphertext
// and its tag.
func (k *Keys) Seal(purpose Purpose, plaintext, associated []byte) []byte {
	aead := k.seals[purpose]
	sealed := make([]byte, 1, 1+aead.Overhead()+len(plaintext))
	sealed[0] = firstKey
	return aead.Seal(sealed, nil, plaintext, associated)
}

// Open returns the plaintext of a value that Seal made with the same purpose and associated, else ErrNotOpened.
func (k *Keys) Open(purpose Purpose, sealed, associated []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != firstKey {
		return nil, ErrNotOpened
	}
	plaintext, err := k.seals[purpose].Open(nil, nil, sealed[1:], associated)
	if err != nil {
		return nil, ErrNotOpened
	}
	return plaintext, nil
}

// Token returns a bearer token: prefix followed by the digest of parts in base64url. The same parts always result in
// the same token, so it can be returned again without being stored.
func (k *Keys) Token(prefix string, purpose Purpose, parts ...[]byte) string {
	return prefix + base64.RawURLEncoding.EncodeToString(k.Digest(purpose, parts...))
}

// EditTokenPrefix is how every edit token begins.
const EditTokenPrefix = "pe_"

// EditToken derives the edit token of a petition: a repeated request can receive it again although only its hash is
// stored.
func (k *Keys) EditToken(petition, nonce [16]byte) string {
	return k.Token(EditTokenPrefix, EditToken, petition[:], nonce[:])
}

// Format keeps keys out of logs and messages, whatever verb they are formatted with.
func (k *Keys) Format(state fmt.State, _ rune) {
	_, _ = state.Write([]byte("secret.Keys"))
}

// Hash returns the SHA-256 of a token, which is stored in its place. It needs no key, since tokens are random.
func Hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
