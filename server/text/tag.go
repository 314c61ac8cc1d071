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
	tagsGivenMax         = 100 // with those that are the same
	tagKeyMin, tagKeyMax = 1, 50
	tagLabelMax          = 100

	// WholeList is the index of a fault that is not that of a single tag.
	WholeList = -1
)

var tooManyTags = fmt.Sprintf("A petition must have at most %d tags.", TagsMax)

// Tag is a tag as it is stored: the key by which it is found, and the label as the petitioner wrote it.
type Tag struct{ Key, Label string }

// TagFault is what is wrong with the tag at Index of the input, or with the list itself when Index is WholeList.
type TagFault struct {
	Index   int
	Message string
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
	// Before any of them is looked at, which takes time.
	if len(tags) > tagsGivenMax {
		return nil, []TagFault{{Index: WholeList, Message: tooManyTags}}
	}
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
		// The spelling that was given first is the one that is shown.
		if !seen[entry.Key] {
			seen[entry.Key] = true
			entries = append(entries, entry)
		}
	}
	// Counted at last, since those with the same key are one tag.
	if len(entries) > TagsMax {
		faults = append(faults, TagFault{Index: WholeList, Message: tooManyTags})
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return entries, nil
}

// checkTag returns one tag. The label is bounded as it is typed and the key as it is compared: a label of signs alone
// has no key, and one may be longer than the other.
func checkTag(tag string) (entry Tag, fault string) {
	const what, bare = "A tag", "A tag must contain at least one letter or digit."
	if tooLong(strings.TrimSpace(tag), spellingsMost*tagLabelMax) {
		return Tag{}, lengthFault(what, tagKeyMin, tagLabelMax)
	}
	label := tagLabel(tag)
	if label == "" { // nothing but the sign before it
		return Tag{}, bare
	}
	label, fault = CheckLine(label, what, tagKeyMin, tagLabelMax)
	if fault != "" {
		return Tag{}, fault
	}
	key, long := tagKey(label)
	switch {
	case long || utf8.RuneCountInString(key) > tagKeyMax:
		return Tag{}, fmt.Sprintf("A tag must have at most %d letters, digits and signs.", tagKeyMax)
	case key == "":
		return Tag{}, bare
	}
	return Tag{Key: key, Label: label}, ""
}
