package idempotency

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long keys are, in characters. It is part of the public contract.
const (
	keyMin          = 1
	keyMax          = 255
	anonymousKeyMin = 22 // 128 bits in base64
)

// CheckKey returns what is wrong with a key. Each credential has a namespace of its own, so its keys may be anything.
// Anonymous callers share one namespace, so their keys must be secrets: anybody who guesses a key and its input would
// get the answer that belongs to another caller.
func CheckKey(key string, anonymous bool) (fault string) {
	n := utf8.RuneCountInString(key)
	switch {
	case anonymous && (n < anonymousKeyMin || n > keyMax || !utf8.ValidString(key) || !scattered(key)):
		return fmt.Sprintf(
			"Without a credential the idempotencyKey must be random and have %d to %d characters: a UUID, for example.",
			anonymousKeyMin, keyMax)
	case n < keyMin || n > keyMax || !utf8.ValidString(key):
		return fmt.Sprintf("The idempotencyKey must have %d to %d characters.", keyMin, keyMax)
	case strings.ContainsFunc(key, unicode.IsControl):
		return "The idempotencyKey must have no control characters."
	}
	return ""
}

const (
	scatteredCharacters = 6
	scatteredSteps      = 4
	scatteredDigits     = 32 // characters of a key of digits alone; shorter ones are times and counters
)

// scattered reports whether a key may be random: it has at least 6 different characters, and at least 4 different steps
// from one character to the next. That refuses a few characters repeated, and sequences such as 0123456789abcdef. It
// refuses less than one in 10^12 of what is random in base64 (22 characters), in hexadecimal (32) or as a UUID of
// version 4, with dashes or without. Of ULIDs, with 16 random characters of 32, it refuses less than one in 4*10^7,
// even if their time adds no character. Digits alone must be 32, as a time with a counter behind it is all digits, too.
func scattered(key string) bool {
	if len(key) < scatteredDigits && strings.Trim(key, "0123456789") == "" {
		return false
	}
	characters, steps := make([]rune, 0, scatteredCharacters), make([]rune, 0, scatteredSteps)
	before := rune(-1)
	for _, r := range key {
		characters = withDifferent(characters, r)
		if before >= 0 {
			steps = withDifferent(steps, r-before)
		}
		before = r
	}
	return len(characters) == scatteredCharacters && len(steps) == scatteredSteps
}

// withDifferent adds r if it is not in the list yet and there is room.
func withDifferent(list []rune, r rune) []rune {
	if len(list) == cap(list) || slices.Contains(list, r) {
		return list
	}
	return append(list, r)
}
