package pages

import (
	"strconv"

	bcp47 "golang.org/x/text/language"
)

// number writes a count with a comma between groups of three digits.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// language returns the value of a lang attribute: HTML says by an empty one that
// the language is not known.
func language(tag string) string {
	if tag == bcp47.Und.String() {
		return ""
	}
	return tag
}

// direction returns the value of a dir attribute for texts in a language. Where
// it is not known the browser judges by the first letters.
func direction(tag string) string {
	parsed, err := bcp47.Parse(tag)
	if err != nil || parsed == bcp47.Und {
		return "auto"
	}
	// A language without a script stands for the one that it is mostly written in.
	script, _ := parsed.Script()
	switch script.String() {
	case "Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa":
		return "rtl"
	default:
		return "ltr"
	}
}

// outcome says in a sentence what came of a petition.
func outcome(name string) string {
	switch name {
	case "ANSWERED":
		return "Those who were asked have answered."
	case "PARTIAL_VICTORY":
		return "A part of the demand was met."
	case "VICTORY":
		return "The demand was met."
	case "REFUSED":
		return "The demand was refused."
	case "WITHDRAWN":
		return "The petitioner gave the demand up."
	default:
		return ""
	}
}
