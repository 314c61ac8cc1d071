// Package header reads the lists that headers of HTTP hold, as RFC 9110 has them.
package header

import (
	"iter"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// Elements yields what a header lists, over all of its lines.
func Elements(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for element := range strings.SplitSeq(line, ",") {
				element = strings.Trim(element, " \t")
				if element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// Lists reports whether a header names a token, in any case.
func Lists(lines []string, token string) bool {
	for element := range Elements(lines) {
		if strings.EqualFold(element, token) {
			return true
		}
	}
	return false
}

// Only returns the value of a header that must stand once, or nothing.
func Only(lines []string) string {
	if len(lines) == 1 {
		return lines[0]
	}
	return ""
}

// Matches reports whether a client has the representation of a tag, by If-None-Match and the weak comparison of 13.1.2.
// The tag holds no comma.
func Matches(ifNoneMatch []string, tag string) bool {
	for one := range Elements(ifNoneMatch) {
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// Takes reports whether a client takes one of the names of a coding, by Accept-Encoding and 12.5.3: as it is named, or
// else as whatever is not.
func Takes(acceptEncoding []string, names ...string) bool {
	named, others := -1.0, -1.0
	for one := range Elements(acceptEncoding) {
		name, parameter, _ := strings.Cut(one, ";")
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case slices.Contains(names, name):
			named = quality(parameter)
		case name == "*":
			others = quality(parameter)
		}
	}
	return named > 0 || named < 0 && others > 0
}

// quality returns the number of a parameter q, one without it, and zero where it cannot be read.
func quality(parameter string) float64 {
	q, given := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(parameter), " ", ""), "q=")
	if !given {
		return 1
	}
	number, err := strconv.ParseFloat(q, 64)
	if err != nil {
		return 0
	}
	return number
}

// MediaRange reads one element of Accept. What cannot be read, or demands another character set than UTF-8, matches
// nothing.
func MediaRange(element string) (typ string, quality float64, ok bool) {
	typ, params, err := mime.ParseMediaType(element)
	if err != nil || !IsUTF8(params) {
		return "", 0, false
	}
	quality = 1
	if q, given := params["q"]; given {
		quality, err = strconv.ParseFloat(q, 64)
		if err != nil || !(quality >= 0 && quality <= 1) {
			return "", 0, false
		}
	}
	return typ, quality, true
}

// IsUTF8 reports whether the parameters of a media type leave it UTF-8.
func IsUTF8(params map[string]string) bool {
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
