package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// How many tags a petition has, and how long they are.
const (
	TagsMax              = 10
	tagKeyMin, tagKeyMax = 1, 50
	tagLabelMax          = 100

	// WholeList is the index of a fault that is not that of a single tag.
	WholeList = -1
)

// Tag is a tag as it is stored: the key by which it is found, and the label as it was first written.
type Tag struct{ Key, Label string }

// TagFault is what is wrong with the tag at Index of the input, or with the list itself when Index is WholeList.
type TagFault struct {
	Index   int
	Message string
}

// TagKey returns the key of a tag: "#Climate Justice!" and "climatejustice" are the same tag. A key is in NFKC,
// case-folded, and consists of letters, digits, marks and underscores only. It is empty if the name is not a tag.
func TagKey(name string) string {
	// Each step may undo another: folding decomposes, and removing a character may let its neighbours compose. Two
	// rounds suffice for what people write; the bound is for everything else.
	for range 8 {
		key := strings.Map(tagRune, norm.NFKC.String(foldCase(norm.NFKC.String(name))))
		if key == name {
			break
		}
		name = key
	}
	return name
}

// tagRune drops what does not belong in a key. Fillers and variation selectors are letters and marks by class, but
// invisible.
func tagRune(r rune) rune {
	keep := r == '_' || unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl)
	if !keep || isInvisible(r) {
		return -1
	}
	return r
}

// tagLabel is the tag as it is shown: trimmed, without the leading "#".
func tagLabel(s string) string {
	s = strings.TrimLeftFunc(norm.NFC.String(s), func(r rune) bool {
		return r == '#' || r == '＃' || unicode.IsSpace(r)
	})
	return strings.Join(strings.Fields(s), " ")
}

// CheckTags returns the tags of a petition in the given order; of two with the same key the first is kept, and blank
// ones are passed over.
func CheckTags(tags []string) (entries []Tag, faults []TagFault) {
	seen := make(map[string]bool, len(tags))
	for i, tag := range tags {
		if IsBlank(tag) {
			continue
		}
		entry, fault := checkTag(tag)
		if fault != "" {
			faults = append(faults, TagFault{Index: i, Message: fault})
			continue
		}
		if !seen[entry.Key] {
			seen[entry.Key] = true
			entries = append(entries, entry)
		}
	}
	if len(entries) > TagsMax {
		faults = append(faults, TagFault{Index: WholeList, Message: fmt.Sprintf("A petition must have at most %d tags.", TagsMax)})
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return entries, nil
}

func checkTag(tag string) (entry Tag, fault string) {
	label, fault := CheckLine(tagLabel(tag), "A tag", tagKeyMin, tagLabelMax)
	if fault != "" {
		return Tag{}, fault
	}
	key := TagKey(label)
	if !strings.ContainsFunc(key, isLetterOrDigit) {
		return Tag{}, "A tag must contain at least one letter or digit."
	}
	if utf8.RuneCountInString(key) > tagKeyMax {
		return Tag{}, fmt.Sprintf("A tag must have at most %d letters and digits.", tagKeyMax)
	}
	return Tag{Key: key, Label: label}, ""
}
