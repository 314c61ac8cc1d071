// Program layout prints the table of server/doc/design.md: how large each package is, and how its files use each other.
//
//	go run ./server/bench/layout
//
// Files and lines are those written by hand and built on this system, without tests; methods are those of the type that
// has most. An arrow is a file that uses another of its package. As many run up as would have to go before no two files
// used each other, directly or by way of others.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is the path of this module.
const module = "petitiond"

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles, CgoFiles       []string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	packages, err := list()
	if err != nil {
		return err
	}
	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	fmt.Println("| package | files | lines | methods | arrows, up |")
	fmt.Println("|---|--:|--:|--:|--:|")
	for _, p := range packages {
		name, ours := strings.CutPrefix(p.ImportPath, module+"/")
		if !ours || isLeftOut(name) {
			continue
		}
		row, err := measure(p, exports)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("| `%s` | %s |\n", strings.TrimPrefix(name, "server/"), row)
	}
	return nil
}

// isLeftOut reports whether a package is generated, or stands beside the program.
func isLeftOut(name string) bool {
	return slices.ContainsFunc([]string{
		"ent", "graph/generated", "graph/model", "server/bench", "server/sitetest", "server/ledger/ledgertest",
		"server/transport/nodetest", "server/database/",
	}, func(beside string) bool {
		return name == beside || strings.HasPrefix(name, strings.TrimSuffix(beside, "/")+"/")
	})
}

// list returns the packages of this module and all that they import, with what the compiler has exported of them.
func list() (packages []listed, err error) {
	command := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,CgoFiles", "./...") //nolint:noctx // it ends by itself
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the packages: %w", err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("listing the packages: %w", err)
		}
		packages = append(packages, p)
	}
	slices.SortFunc(packages, func(a, b listed) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return packages, nil
}

// measure returns what the table says of a package.
func measure(p listed, exports map[string]string) (row string, err error) {
	set := token.NewFileSet()
	var files []*ast.File
	hand, lines := 0, 0
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		path := filepath.Join(p.Dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		file, err := parser.ParseFile(set, path, text, parser.ParseComments)
		if err != nil {
			return "", err
		}
		files = append(files, file)
		// gqlgen's file of resolvers is named so, and has one line for each field.
		if !ast.IsGenerated(file) && !strings.HasSuffix(name, ".resolvers.go") {
			hand, lines = hand+1, lines+bytes.Count(text, []byte("\n"))
		}
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})}
	checked, err := config.Check(p.ImportPath, set, files, info)
	if err != nil {
		return "", err
	}
	arrows := arrowsOf(set, checked, info)
	all := 0
	for _, to := range arrows {
		all += len(to)
	}
	return fmt.Sprintf("%d | %s | %s | %d, %d", hand, thousands(lines), mostMethods(checked), all, up(arrows)), nil
}

// arrowsOf returns which files use which others.
func arrowsOf(set *token.FileSet, p *types.Package, info *types.Info) map[string]map[string]bool {
	arrows := map[string]map[string]bool{}
	for name, used := range info.Uses {
		if used.Pkg() != p || used.Parent() != nil && used.Parent() != p.Scope() {
			continue // of another package, or local
		}
		from, to := set.Position(name.Pos()).Filename, set.Position(used.Pos()).Filename
		if from == to || to == "" {
			continue
		}
		if arrows[from] == nil {
			arrows[from] = map[string]bool{}
		}
		arrows[from][to] = true
	}
	return arrows
}

// mostMethods names the type that has most methods.
func mostMethods(p *types.Package) string {
	most, of := 0, "–"
	for _, name := range p.Scope().Names() {
		object, _ := p.Scope().Lookup(name).(*types.TypeName)
		if object == nil {
			continue
		}
		if named, ok := object.Type().(*types.Named); ok && named.NumMethods() > most {
			most, of = named.NumMethods(), fmt.Sprint(name, " ", named.NumMethods())
		}
	}
	return of
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
