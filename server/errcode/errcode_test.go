package errcode

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The codes that the program sends are those in the README and in the contract, and no others.
func TestReadmeCodes(t *testing.T) {
	t.Parallel()
	listed := codesIn(t, "errcode.go")
	readme := regexp.MustCompile("(?m)^\\| (`[A-Z_]+`) \\| \\d.+ \\| .+ \\| .+ \\|$").FindAllString(read(t, "../../README.md"), -1)
	for i, row := range readme {
		readme[i] = strings.Split(row, "`")[1]
	}
	_, contract, _ := strings.Cut(read(t, "../../schema.graphqls"), "`extensions.code`:")
	contract, _, _ = strings.Cut(contract, "\n\n")
	for where, codes := range map[string][]string{
		"what is published": published(), "the README": readme,
		"the contract": regexp.MustCompile(`[A-Z_]{4,}`).FindAllString(contract, -1),
	} {
		slices.Sort(codes)
		if diff := cmp.Diff(listed, codes); diff != "" {
			t.Errorf("codes in %s (-want +got):\n%s", where, diff)
		}
	}
	if len(listed) < 18 {
		t.Errorf("%d codes found, want at least 18", len(listed))
	}
}

// Those who report errors spell no code themselves.
func TestCodesStandOnce(t *testing.T) {
	t.Parallel()
	files := []string{"../../graph/error.go"}
	for _, pattern := range []string{"../operation/*.go", "../transport/*.go", "../transport/[cf]*/*.go"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	if len(files) < 40 {
		t.Errorf("%d files found", len(files))
	}
	for _, file := range files {
		if codes := codesIn(t, file); !strings.HasSuffix(file, "_test.go") && len(codes) > 0 {
			t.Errorf("%s spells %q", file, codes)
		}
	}
}

func published() (codes []string) {
	for code := range Published {
		codes = append(codes, code)
	}
	return codes
}

// codesIn returns the string literals of a file that look like codes, in order.
func codesIn(t *testing.T, file string) (codes []string) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	look := regexp.MustCompile(`^"[A-Z]{3,}(_[A-Z]+)*"$`)
	ast.Inspect(source, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && look.MatchString(text.Value) {
			codes = append(codes, strings.Trim(text.Value, `"`))
		}
		return true
	})
	slices.Sort(codes)
	return codes
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
