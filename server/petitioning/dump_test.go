package petitioning_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"petitiond/server/database"
)

// places gives every table.column of the database in which one of the texts stands: as it is or in lower case,
// plain, in base64 or in hexadecimal. SQLite's search index is no table to be read, but it consists of some.
func (b *bundle) places(t testing.TB, texts ...string) []string {
	t.Helper()
	var needles [][]byte
	for _, text := range texts {
		needles = append(needles, spellings(text)...)
		needles = append(needles, spellings(strings.ToLower(text))...)
	}
	var out []string
	for _, table := range b.tables(t) {
		out = append(out, b.columnsWith(t, table, needles)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// spellings returns a text plain and in the encodings in which it could hide. Of base64 there are three, by
// where in a group of three bytes the text begins; the characters that its neighbours touch are left out.
func spellings(text string) [][]byte {
	hexed := hex.EncodeToString([]byte(text))
	out := [][]byte{[]byte(text), []byte(hexed), []byte(strings.ToUpper(hexed))}
	for shift := range 3 {
		padded := append(make([]byte, shift), text...)
		whole := len(padded) / 3 * 3
		for _, coding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			out = append(out, []byte(coding.EncodeToString(padded[:whole])[(shift*4+2)/3:]))
		}
	}
	return out
}

func (b *bundle) tables(t testing.TB) []string {
	t.Helper()
	query := `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	if b.DB.Dialect == database.SQLite {
		query = `SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'search_index'`
	}
	var out []string
	b.Each(t, query, func(row []any) { out = append(out, fmt.Sprintf("%s", row[0])) }, nil)
	return out
}

func (b *bundle) columnsWith(t testing.TB, table string, needles [][]byte) []string {
	t.Helper()
	var out, names []string
	b.Each(t, `SELECT * FROM `+table, func(row []any) {
		for i, value := range row {
			text := []byte(fmt.Sprintf("%s", value))
			if slices.ContainsFunc(needles, func(n []byte) bool { return bytes.Contains(text, n) }) {
				out = append(out, table+"."+names[i])
			}
		}
	}, &names)
	return out
}

func TestPlacesFindsWhatHides(t *testing.T) {
	t.Parallel()
	const text = "Xanthippe Q"
	for i := range 3 {
		hidden := strings.Repeat("ab", i) + text + "tail"
		for name, form := range map[string]string{
			"Plain": hidden, "Hex": hex.EncodeToString([]byte(hidden)), "Base64": base64.StdEncoding.EncodeToString([]byte(hidden)),
			"Base64URL": base64.RawURLEncoding.EncodeToString([]byte(hidden)),
		} {
			found := slices.ContainsFunc(spellings(text), func(n []byte) bool { return strings.Contains(form, string(n)) })
			equal(t, fmt.Sprintf("%s at %d is found", name, 2*i), true, found)
		}
	}
}
