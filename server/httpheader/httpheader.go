// Package httpheader parses the lists in HTTP headers, as RFC 9110 defines them.
package httpheader

import (
	"iter"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// Elements yields the elements of a header that is a list, over all of its lines.
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

// Lists reports whether a header lists a token, ignoring case.
func Lists(lines []string, token string) bool {
	for element := range Elements(lines) {
		if strings.EqualFold(element, token) {
			return true
		}
	}
	return false
}

// Only returns the value of a header that must occur exactly once, or "".
func Only(lines []string) string {
	if len(lines) == 1 {
		return lines[0]
	}
	return ""
}

// Matches reports whether If-None-Match matches an entity tag, by the weak comparison of section 13.1.2. The tag must
// not contain a comma.
func Matches(ifNoneMatch []string, tag string) bool {
	for one := range Elements(ifNoneMatch) {
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// Takes reports whether a client accepts a content coding that has these names, by Accept-Encoding and section 12.5.3:
// the coding itself counts if it is listed, and otherwise "*".
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

// quality returns the value of the parameter q: 1 if it is absent, and 0 if it is invalid.
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

// MediaRange parses one element of Accept; the names of its parameters are in lower case. It is not ok if it is invalid
// or demands a character set other than UTF-8; then it matches nothing.
func MediaRange(element string) (typ string, params map[string]string, quality float64, ok bool) {
	typ, params, err := mime.ParseMediaType(element)
	if err != nil || !IsUTF8(params) {
		return "", nil, 0, false
	}
	quality = 1
	if q, given := params["q"]; given {
		quality, err = strconv.ParseFloat(q, 64)
		if err != nil || !(quality >= 0 && quality <= 1) {
			return "", nil, 0, false
		}
	}
	return typ, params, quality, true
}

// IsUTF8 reports whether the parameters of a media type allow UTF-8.
func IsUTF8(params map[string]string) bool {
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
