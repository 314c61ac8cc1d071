package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const decisions = "doc/decisions"

var (
	decisionTitle  = regexp.MustCompile(`^# (\d{4}): (.+)\n\n`)
	decisionStatus = regexp.MustCompile(`^(Accepted|Superseded by \[(\d{4})\]\(([^)]+)\)), \d{4}-\d\d-\d\d\.`)
)

// decision is a record, as its file says it.
type decision struct{ number, title, file, status, superseder string }

func readDecision(t *testing.T, path string) decision {
	t.Helper()
	text := readText(t, path)
	title := decisionTitle.FindStringSubmatch(text)
	if title == nil {
		t.Fatalf("%s does not begin with # NNNN: title", path)
	}
	status := decisionStatus.FindStringSubmatch(text[len(title[0]):])
	if status == nil {
		t.Fatalf("the status of %s, in its third line, is neither %q nor %q", path, "Accepted, DATE.", "Superseded by [NNNN](FILE), DATE.")
	}
	d := decision{number: title[1], title: title[2], file: filepath.Base(path), status: status[1], superseder: status[3]}
	if !strings.HasPrefix(d.file, d.number+"-") {
		t.Errorf("%s says that it is %s", d.file, d.number)
	}
	if status[2] != "" && !strings.HasPrefix(d.superseder, status[2]+"-") {
		t.Errorf("%s is superseded by %s, and its link leads to %s", d.file, status[2], d.superseder)
	}
	return d
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDecisions checks that the index of decisions names each of them with its title and status, that no number is
// given twice, and that what supersedes one is there.
func TestDecisions(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(decisions, "0*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no decisions: %v", err)
	}
	var want strings.Builder
	files := map[string]string{} // by number
	for _, path := range paths {
		d := readDecision(t, path)
		if other := files[d.number]; other != "" {
			t.Errorf("%s and %s have one number", other, d.file)
		}
		files[d.number] = d.file
		if _, err := os.Stat(filepath.Join(decisions, d.superseder)); err != nil {
			t.Errorf("%s is superseded by a file that is not there: %v", d.file, err)
		}
		fmt.Fprintf(&want, "| [%s](%s) | %s | %s |\n", d.number, d.file, d.title, d.status)
	}
	_, index, found := strings.Cut(readText(t, filepath.Join(decisions, "README.md")), "|---|---|---|\n")
	if !found {
		t.Fatal("the index has no table")
	}
	if diff := cmp.Diff(want.String(), index); diff != "" {
		t.Errorf("the index is not what the files say (-files +index):\n%s", diff)
	}
}

// documentLink is a link of a document to a file of the repository, to a heading in it or to a heading of its own.
var documentLink = regexp.MustCompile(`\]\(([^)\s:]+)\)`)

// TestLinks checks that links in documents lead to files and headings.
func TestLinks(t *testing.T) {
	t.Parallel()
	var documents []string
	for _, pattern := range []string{"../*.md", "../.github/*.md", "doc/*.md", decisions + "/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, paths...)
	}
	links := 0
	for _, document := range documents {
		for _, found := range documentLink.FindAllStringSubmatch(readText(t, document), -1) {
			links++
			file, heading, _ := strings.Cut(found[1], "#")
			target := document
			if file != "" {
				target = filepath.Join(filepath.Dir(document), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: a link leads nowhere: %v", document, err)
			} else if heading != "" && !slices.Contains(headings(readText(t, target)), heading) {
				t.Errorf("%s: %s has no heading #%s", document, target, heading)
			}
		}
	}
	if links < 50 {
		t.Errorf("there are %d links in all: are documents missing?", links)
	}
}

var (
	headingLine   = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInHeadings = regexp.MustCompile(`[^\pL\pN _-]`)
)

// headings returns the names by which links find the headings of a document, as GitHub makes them.
func headings(text string) (names []string) {
	for _, found := range headingLine.FindAllStringSubmatch(text, -1) {
		name := notInHeadings.ReplaceAllString(strings.ToLower(found[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// TestWorkflow checks that CI runs the script that serves at a desk, and takes no action that can change under it.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	workflow := readText(t, "../.github/workflows/ci.yml")
	if !strings.Contains(workflow, "\n      - run: .ci/run\n") {
		t.Error("the workflow does not run .ci/run")
	}
	actions := regexp.MustCompile(`uses: (\S+)(.*)`).FindAllStringSubmatch(workflow, -1)
	if len(actions) == 0 {
		t.Error("the workflow checks nothing out")
	}
	exact := regexp.MustCompile(`^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, action := range actions {
		if !exact.MatchString(action[1] + action[2]) {
			t.Errorf("%s is named by no exact commit and its version", action[1])
		}
	}
}
