package settings

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Describe writes a line for each setting, with its flag, or a star if it is a secret, and its default in brackets.
func Describe(w io.Writer) {
	for _, s := range settings() {
		mark := "--" + s.flag()
		if s.secret {
			// It has no flag, since every user of the machine can see those.
			mark = "*"
		}
		fmt.Fprintf(w, "  %-26s %-18s %s%s\n", s.variable(), mark, plain(s.meaning), s.defaults())
	}
}

// defaults describes the values that a setting has where it is not set, if there are any.
func (s setting) defaults() string {
	switch {
	case s.development == s.production && s.development == "":
		return ""
	case s.development == s.production:
		return fmt.Sprintf(" [%s]", s.development)
	case s.production == noDefault:
		return fmt.Sprintf(" [%s; must be set in production]", cmp.Or(s.development, "unset"))
	}
	return fmt.Sprintf(" [%s; in production %s]", cmp.Or(s.development, "unset"), cmp.Or(s.production, "unset"))
}

// link matches a link in Markdown.
var link = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)

// plain removes the README's Markdown from a text.
func plain(text string) string { return strings.ReplaceAll(link.ReplaceAllString(text, "$1"), "`", "") }
