package pages

import (
	"regexp"
	"strconv"

	bcp47 "golang.org/x/text/language"
)

// number formats a count with a comma between groups of three digits.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// emptyLines stand between two paragraphs.
var emptyLines = regexp.MustCompile(`\n(?:[ \t]*\n)+`)

// paragraphs returns the paragraphs of a comment: however many lines somebody leaves empty, there is one break.
func paragraphs(text string) []string { return emptyLines.Split(text, -1) }

// language returns the value of a lang attribute, which is empty in HTML if the language is not known.
func language(tag string) string {
	if tag == bcp47.Und.String() {
		return ""
	}
	return tag
}

// direction returns the value of a dir attribute for text in a language. If the language is not known, the browser
// decides by the first letters.
func direction(tag string) string {
	parsed, err := bcp47.Parse(tag)
	if err != nil || parsed == bcp47.Und {
		return "auto"
	}
	// If the tag names no script, this is the one that the language is usually written in.
	script, _ := parsed.Script()
	switch script.String() {
	case "Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa":
		return "rtl"
	default:
		return "ltr"
	}
}

// unseen returns a sentence about who sees a petition, or nothing if everybody does.
func unseen(state string) string {
	switch state {
	case "OPEN", "PAUSED", "CLOSED", "ARCHIVED":
		return ""
	case "IN_REVIEW":
		return "This petition is waiting for a moderator. Until then only you and the site's staff see it."
	case "REJECTED":
		return "A moderator has rejected this petition. Only you and the site's staff see it."
	case "HIDDEN":
		return "This petition was removed from public view. Only you and the site's staff see it."
	default:
		return "This is a draft. Until you publish it, only you and the site's staff see it."
	}
}

// outcome returns a sentence about what a petition has achieved.
func outcome(name string) string {
	switch name {
	case "ANSWERED":
		return "Those to whom it is addressed have answered."
	case "PARTIAL_VICTORY":
		return "A part of the demand was met."
	case "VICTORY":
		return "The demand was met."
	case "REFUSED":
		return "The demand was refused."
	case "WITHDRAWN":
		return "The petitioner has given up the demand."
	default:
		return ""
	}
}
