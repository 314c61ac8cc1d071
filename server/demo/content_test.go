package demo_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"petitiond/server/demo"
)

// between reports whether a text has from least to most characters and none that would not show.
func between(text string, least, most int) bool {
	n := utf8.RuneCountInString(text)
	return n >= least && n <= most && text == strings.TrimSpace(text) && norm.NFC.IsNormalString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) })
}

func within(least, most int) func(string) bool {
	return func(text string) bool { return !between(text, least, most) }
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, p := range load(t, evening) {
		faults := map[string]bool{
			"title":      !between(p.Title, 3, 150),
			"summary":    !between(p.Summary, 0, 500),
			"body":       !between(p.Body, 200, 50_000),
			"petitioner": !between(p.Petitioner, 1, 100),
			"addressees": len(p.Addressees) == 0 || len(p.Addressees) > 10 || slices.ContainsFunc(p.Addressees, within(1, 100)),
			"tags":       len(p.Tags) < 2 || len(p.Tags) > 6 || slices.ContainsFunc(p.Tags, within(1, 50)),
			"goal":       p.Goal < 50 || p.Goal > 500_000,
		}
		for field, bad := range faults {
			if bad {
				t.Errorf("%s: %s is out of bounds or has stray characters", p.Title, field)
			}
		}
	}
}

func TestTitlesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range load(t, evening) {
		key := cases.Fold().String(p.Title)
		if seen[key] {
			t.Errorf("two petitions have the title %q", p.Title)
		}
		seen[key] = true
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	languages, scripts := map[string]bool{}, map[string]bool{}
	for _, p := range load(t, evening) {
		tag, err := language.BCP47.Parse(p.Language)
		if err != nil || tag.String() != p.Language {
			t.Errorf("%s: the language %q is not a canonical tag (%v)", p.Title, p.Language, err)
		}
		base, _ := tag.Base()
		script, _ := tag.Script()
		languages[base.String()], scripts[script.String()] = true, true
	}
	if len(languages) < 16 || len(scripts) < 9 {
		t.Errorf("%d languages in %d scripts, want at least 16 in 9", len(languages), len(scripts))
	}
}

// tagKey folds a label in the way that tells one tag from another.
func tagKey(label string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || unicode.In(r, unicode.L, unicode.Nd, unicode.M) {
			return r
		}
		return -1
	}, cases.Fold().String(norm.NFKC.String(label)))
}

func TestTags(t *testing.T) {
	t.Parallel()
	open, labels := map[string]int{}, map[string]string{}
	for _, p := range load(t, evening) {
		own := map[string]bool{}
		for _, label := range p.Tags {
			key := tagKey(label)
			if key == "" || own[key] {
				t.Errorf("%s: the tag %q is empty or there twice", p.Title, label)
			}
			if labels[key] != "" && labels[key] != label {
				t.Errorf("%s: the tag %q is %q elsewhere", p.Title, label, labels[key])
			}
			own[key], labels[key] = true, label
			if p.State == "OPEN" {
				open[key]++
			}
		}
	}
	shared := 0
	for _, n := range open {
		if n >= 2 {
			shared++
		}
	}
	if shared < 10 {
		t.Errorf("%d tags are shared by open petitions, want at least 10", shared)
	}
}

// TestNamesNobody keeps links at domains that are reserved for examples. Only the seed petition speaks of what exists.
func TestNamesNobody(t *testing.T) {
	t.Parallel()
	host := regexp.MustCompile(`(?i)(?:https?://|www\.|@)([^/)\s]*)`)
	for _, p := range load(t, evening)[1:] {
		texts := []string{p.Title, p.Summary, p.Body, p.Petitioner}
		walk(p.Comments, func(c demo.Comment) { texts = append(texts, c.Author, c.Body) })
		for _, text := range texts {
			for _, found := range host.FindAllStringSubmatch(text, -1) {
				if found[1] != "example.org" {
					t.Errorf("%s: links to %q", p.Title, found[1])
				}
			}
		}
	}
}

// walk visits comments and replies in the order of the page.
func walk(comments []demo.Comment, visit func(demo.Comment)) {
	for _, c := range comments {
		visit(c)
		walk(c.Replies, visit)
	}
}

func TestComments(t *testing.T) {
	t.Parallel()
	var many, replies, anonymous, signed int
	for _, p := range load(t, evening) {
		count := 0
		walk(p.Comments, func(c demo.Comment) {
			count++
			if !between(c.Author, 0, 100) || !between(c.Body, 1, 2_000) {
				t.Errorf("%s: a comment at %v is out of bounds", p.Title, c.At)
			}
			replies += len(c.Replies)
			if c.Author == "" {
				anonymous++
			}
			if c.FromSignatory {
				signed++
			}
		})
		if count >= 3 && count <= 12 {
			many++
		}
	}
	if many < 20 || replies < 20 || anonymous < 20 || signed < 20 {
		t.Errorf("%d petitions with 3 to 12 comments, %d replies, %d anonymous, %d by signatories; want 20 of each",
			many, replies, anonymous, signed)
	}
}

func TestThreads(t *testing.T) {
	t.Parallel()
	for _, p := range load(t, evening) {
		inOrder(t, p.Title, p.CreatedAt, p.Comments)
		for _, c := range p.Comments {
			inOrder(t, p.Title, c.At, c.Replies)
			for _, reply := range c.Replies {
				if len(reply.Replies) > 0 {
					t.Errorf("%s: the reply at %v has replies", p.Title, reply.At)
				}
			}
		}
		if p.StartsAt.IsZero() && len(p.Comments) > 0 {
			t.Errorf("%s: comments on what was never published", p.Title)
		}
	}
}

func inOrder(t *testing.T, title string, after time.Time, comments []demo.Comment) {
	t.Helper()
	for _, c := range comments {
		if !c.At.After(after) || c.At.After(evening) {
			t.Errorf("%s: the comment at %v stands before what it follows, or in the future", title, c.At)
		}
		after = c.At
	}
}

func TestSignatoriesCommentAfterTheStart(t *testing.T) {
	t.Parallel()
	for _, p := range load(t, evening) {
		walk(p.Comments, func(c demo.Comment) {
			if c.FromSignatory && c.At.Before(p.StartsAt) {
				t.Errorf("%s: a signatory commented at %v, before anybody could sign", p.Title, c.At)
			}
		})
	}
}
