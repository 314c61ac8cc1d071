package text

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTagLabel(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"AsWritten", "Climate Justice!", "Climate Justice!"},
		{"Hash", " # Climate  Justice ", "Climate Justice"},
		{"FullWidthHash", "＃気候", "気候"},
		{"HashWithin", "C#", "C#"},
		{"OnlyHash", "##", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tagLabel(tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckTags(t *testing.T) {
	t.Parallel()
	ten := strings.Fields("a b c d e f g h i j")
	tests := []struct {
		name    string
		in      []string
		entries []Tag
		faults  []TagFault
	}{
		{name: "None"},
		{
			name:    "FirstLabelStays",
			in:      []string{"#Climate Justice!", "bees", "climatejustice"},
			entries: []Tag{{"climatejustice", "Climate Justice!"}, {"bees", "bees"}},
		},
		{
			name:    "BlankOnesArePassedOver",
			in:      []string{"", "bees", " \u3000", "\u200b\ufeff", "trees", ""},
			entries: []Tag{{"bees", "bees"}, {"trees", "trees"}},
		},
		{
			name:    "MarksOfDirectionStay",
			in:      []string{"#שלום\u200f!", "نعم\u061c"},
			entries: []Tag{{"שלום", "שלום\u200f!"}, {"نعم", "نعم\u061c"}},
		},
		{
			name: "ErrOverride",
			in:   []string{"a\u202eb", "a\u2066b"},
			faults: []TagFault{
				{0, "A tag must not contain characters that override the direction of writing."},
				{1, "A tag must not contain characters that override the direction of writing."},
			},
		},
		{
			name:    "SignsMakeOthers",
			in:      []string{"C#", "c", "C++", "C #", "c++"},
			entries: []Tag{{"c#", "C#"}, {"c", "c"}, {"c++", "C++"}},
		},
		{
			name: "ErrEach",
			in:   []string{"fine", "#", "!!", "a\x00b", strings.Repeat("k", 51), strings.Repeat(".", 101) + "k"},
			faults: []TagFault{
				{1, "A tag must contain at least one letter or digit."},
				{2, "A tag must contain at least one letter or digit."},
				{3, "A tag must be a single line without control characters."},
				{4, "A tag must have at most 50 letters, digits and signs."},
				{5, "A tag must have 1 to 100 characters."},
			},
		},
		{
			name:   "ErrEleven",
			in:     append(ten[:10:10], "k"),
			faults: []TagFault{{WholeList, "A petition must have at most 10 tags."}},
		},
		{
			name:   "ErrMarksAlone",
			in:     []string{"\u0301"},
			faults: []TagFault{{0, "A tag must contain at least one letter or digit."}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entries, faults := CheckTags(tt.in)
			if diff := cmp.Diff(tt.entries, entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.faults, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// A list far longer than any is not looked through, even if its tags are the same.
func TestCheckTagsLooksThroughSome(t *testing.T) {
	t.Parallel()
	if _, faults := CheckTags(slices.Repeat([]string{"trees"}, tagsGivenMax)); faults != nil {
		t.Errorf("got %v for one tag that is given %d times", faults, tagsGivenMax)
	}
	_, faults := CheckTags(slices.Repeat([]string{"\ufdfa"}, tagsGivenMax+1))
	if want := []TagFault{{WholeList, tooManyTags}}; !slices.Equal(faults, want) {
		t.Errorf("got %v, want %v", faults, want)
	}
	_, faults = CheckTags([]string{strings.Repeat("\ufdfa", 100)})
	if len(faults) != 1 || !strings.Contains(faults[0].Message, "at most 50") {
		t.Errorf("got %v, want that the tag is too long", faults)
	}
}

func TestCheckTagsCountsWhatIsStored(t *testing.T) {
	t.Parallel()
	in := append(strings.Fields("a b c d e f g h i j"), "#A", "J!")
	entries, faults := CheckTags(in)
	if len(entries) != TagsMax || len(faults) != 0 {
		t.Errorf("ten tags, two of them twice: got %d tags, faults %v", len(entries), faults)
	}
}
