package graph_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestResolversAreShort holds their bodies to ten lines: what does not fit belongs into the domain.
func TestResolversAreShort(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "schema.resolvers.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, declared := range file.Decls {
		f, ok := declared.(*ast.FuncDecl)
		if !ok || f.Recv == nil {
			continue
		}
		seen++
		if n := files.Position(f.Body.Rbrace).Line - files.Position(f.Body.Lbrace).Line - 1; n > 10 {
			t.Errorf("%s has %d lines", f.Name.Name, n)
		}
	}
	if seen < 40 {
		t.Errorf("found only %d resolvers", seen)
	}
}

// TestNothingIsLeftOut looks for the panics that gqlgen writes for new fields.
func TestNothingIsLeftOut(t *testing.T) {
	t.Parallel()
	stub := []byte("not " + "implemented")
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, stub) {
			t.Errorf("%s has a stub", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
