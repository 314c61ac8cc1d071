package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is the path of this module, with which the paths of its packages begin.
const module = "petitiond/"

// drawn is a package as doc/design.md draws it: its name, and those of the packages that it imports.
type drawn struct {
	name    string
	imports []string
}

var (
	packageRow  = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| [^|]+ \\| ([^|]+) \\|$")
	besideTitle = "\n### Beside the program\n"
)

// drawing returns the packages of doc/design.md from the top down. Those beside the program come first, since they may
// import all others.
func drawing(t *testing.T) []drawn {
	t.Helper()
	_, text, found := strings.Cut(readText(t, "doc/design.md"), "\n## Who imports whom\n")
	text, _, ended := strings.Cut(text, "\n## ")
	program, beside, cut := strings.Cut(text, besideTitle)
	if !found || !ended || !cut {
		t.Fatal("doc/design.md does not say who imports whom")
	}
	var packages []drawn
	for _, row := range packageRow.FindAllStringSubmatch(beside+program, -1) {
		p := drawn{name: row[1]}
		if row[2] != "–" {
			p.imports = strings.Split(row[2], ", ")
			slices.Sort(p.imports)
		}
		packages = append(packages, p)
	}
	return packages
}

// drawnName is the name by which the drawing has a package: server/ is left out, and ent is one with what is generated
// from it.
func drawnName(dir string) string {
	if dir == "ent" || strings.HasPrefix(dir, "ent/") {
		return "ent"
	}
	return strings.TrimPrefix(dir, "server/")
}

// importsOf returns which packages of this module the packages in and below some folders import, whatever the system
// that they are built for. Tests are left out: they build what they need.
func importsOf(t *testing.T, folders ...string) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join("..", folder), func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "node_modules") {
				return fs.SkipDir
			}
			if entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return nil
			}
			name := drawnName(path.Dir(strings.TrimPrefix(filepath.ToSlash(file), "../")))
			found, err := importsOfFile(file)
			imports[name] = append(imports[name], found...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, found := range imports {
		slices.Sort(found)
		imports[name] = slices.DeleteFunc(slices.Compact(found), func(other string) bool { return other == name })
	}
	return imports
}

func importsOfFile(file string) (names []string, err error) {
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	for _, spec := range syntax.Imports {
		if dir, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); ours {
			names = append(names, drawnName(dir))
		}
	}
	return names, nil
}

// TestDesign checks that doc/design.md draws every package once, with exactly the imports that the code has, and that
// no import runs up.
func TestDesign(t *testing.T) {
	t.Parallel()
	places := map[string]int{}
	var got []string
	packages := drawing(t)
	for i, p := range packages {
		if _, twice := places[p.name]; twice {
			t.Errorf("%s is drawn twice", p.name)
		}
		places[p.name] = i
		got = append(got, fmt.Sprint(p.name, " imports ", p.imports))
	}
	for i, p := range packages {
		for _, other := range p.imports {
			if places[other] <= i {
				t.Errorf("%s imports %s, which does not stand below it", p.name, other)
			}
		}
	}
	var want []string
	for name, imports := range importsOf(t, "ent", "graph", "server") {
		want = append(want, fmt.Sprint(name, " imports ", imports))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("doc/design.md is not what the code says (-code +drawing):\n%s", diff)
	}
}

// TestMapOfFolders checks that the map in README.md names every folder of server/, and none that is not there.
func TestMapOfFolders(t *testing.T) {
	t.Parallel()
	_, text, found := strings.Cut(readText(t, "../README.md"), "\nserver/  ")
	text, _, ended := strings.Cut(text, "\n```\n")
	if !found || !ended {
		t.Fatal("README.md has no map of folders")
	}
	var got, want []string
	for _, line := range strings.Split(text, "\n")[1:] {
		for _, name := range strings.Fields(line) {
			folder, ok := strings.CutSuffix(name, "/")
			if !ok {
				break
			}
			got = append(got, folder)
		}
	}
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder.IsDir() && folder.Name() != "testdata" {
			want = append(want, folder.Name())
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the map of folders in README.md is not true (-folders +map):\n%s", diff)
	}
}
