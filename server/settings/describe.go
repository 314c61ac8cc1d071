package settings

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Describe writes a line for each setting, with its flag, or a star if it is a secret.
func Describe(w io.Writer) {
	for _, s := range settings() {
		mark := "--" + s.flag()
		if s.secret {
			// It has no flag, since every user of the machine can see those.
			mark = "*"
		}
		fmt.Fprintf(w, "  %-26s %-18s %s\n", s.variable(), mark, plain(s.meaning))
	}
}

// link matches a link in Markdown.
var link = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)

// plain removes the README's Markdown from a text.
func plain(text string) string { return strings.ReplaceAll(link.ReplaceAllString(text, "$1"), "`", "") }
