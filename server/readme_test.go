package main

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example matches a command of the README and the answer below it.
var example = regexp.MustCompile("(?s)```sh\ncurl ([^`]*?) -d '([^']*)'\n```\n\n```[a-z]+\n(.*?)```")

// The README's examples, sent one after another to a new server with demo content, have the answers that it shows.
func TestReadmeExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := example.FindAllStringSubmatch(string(readme), -1)
	if len(examples) < 3 {
		t.Fatalf("want three examples in the README, found %d", len(examples))
	}
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_DEMO=true"))
		for _, e := range examples {
			want := strings.TrimSpace(e[3])
			if got := s.curl(t, e[1], e[2], strings.Count(want, "\n")+1); got != want {
				t.Errorf("the README's example gives another answer\nwant %s\ngot  %s", want, got)
			}
		}
	})
}

// curl sends a body with the headers of a command line, and returns the first lines of the answer that are not empty.
func (s *site) curl(t *testing.T, command, body string, lines int) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range regexp.MustCompile(`-H '([^:]+): ([^']+)'`).FindAllStringSubmatch(command, -1) {
		request.Header.Set(header[1], header[2])
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var out []string
	for scanner := bufio.NewScanner(response.Body); len(out) < lines && scanner.Scan(); {
		if line := strings.TrimSpace(scanner.Text()); line != "" && line != ":" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// The codes that the program sends are those in the README, and no others.
func TestReadmeCodes(t *testing.T) {
	t.Parallel()
	files := []string{"../graph/error.go"}
	for _, pattern := range []string{"operation/*.go", "transport/*.go", "transport/fault/*.go"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	said := map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			codesIn(t, file, said)
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| .+ \\| .+ \\| .+ \\|$").FindAllStringSubmatch(string(readme), -1) {
		if !strings.HasPrefix(row[1], "PETITION_") {
			told[row[1]] = true
		}
	}
	if diff := cmp.Diff(said, told); diff != "" {
		t.Errorf("codes in the README (-want +got):\n%s", diff)
	}
	if len(said) < 18 {
		t.Errorf("%d codes found, want at least 18", len(said))
	}
}

// codesIn adds the string literals of a file that look like codes.
func codesIn(t *testing.T, file string, codes map[string]bool) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	look := regexp.MustCompile(`^"[A-Z]{3,}(_[A-Z]+)*"$`)
	ast.Inspect(source, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && look.MatchString(text.Value) {
			codes[strings.Trim(text.Value, `"`)] = true
		}
		return true
	})
}
