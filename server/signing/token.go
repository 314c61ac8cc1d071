package signing

import (
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"petitiond/server/secret"
)

// TokenPrefix is how the token of a signature begins.
const TokenPrefix = "sg_"

// A code has 16 characters of 5 bits, in groups of four. It must not be guessed although it names no address: of a
// million that wait, who tries ten thousand a second for a week meets one with a probability of 2^-27.
const (
	codeBytes = 10
	codeGroup = 4
)

// codeLetters are Crockford's: no letter looks like another one, and 0 and 1 stand for those that look like them.
var codeLetters = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// token derives the token in the mails of a signature, so that each of them can have it although only its hash is
// stored.
func token(keys *secret.Keys, signature uuid.UUID) string {
	return keys.Token(TokenPrefix, secret.SignatureToken, signature[:])
}

// code derives the code in the same mails, as it is stored: without what stands between its groups.
func code(keys *secret.Keys, signature uuid.UUID) string {
	return codeLetters.EncodeToString(keys.Digest(secret.SignatureCode, signature[:])[:codeBytes])
}

// grouped writes a code for people.
func grouped(code string) string {
	var groups []string
	for ; len(code) > codeGroup; code = code[codeGroup:] {
		groups = append(groups, code[:codeGroup])
	}
	return strings.Join(append(groups, code), "-")
}

// ungrouped reads a code that a person has typed or pasted. It is empty if it can be none.
func ungrouped(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	typed = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r):
			return -1
		case r == 'O':
			return '0'
		case r == 'I', r == 'L':
			return '1'
		}
		return r
	}, strings.ToUpper(typed))
	if raw, err := codeLetters.DecodeString(typed); err != nil || len(raw) != codeBytes {
		return ""
	}
	return typed
}

// same compares without telling by its time where two texts differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
