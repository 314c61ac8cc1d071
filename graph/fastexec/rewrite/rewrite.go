package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

const fastexec = "petitiond/graph/fastexec"

// rule says what becomes of the calls of one function. Every place that names the function must be such a call: one
// that is not as expected is an error and is never skipped, since it may be where a release of gqlgen does something
// new.
type rule struct {
	name string // of what is called
	of   string // the package or variable before the dot
	most int    // how many calls one function may have; 0 for any number
	// edit changes the call in place, and reports whether it was as expected.
	edit func(r *rewriter, call *ast.CallExpr) bool
}

var rules = []rule{
	{"NewFieldSet", "graphql", 1, func(*rewriter, *ast.CallExpr) bool { return true }}, // it marks an object
	{"CollectFields", "graphql", 1, (*rewriter).collectFields},
	{"NewDeferredGroup", "graphql", 1, (*rewriter).deferredGroup},
	{"ResolveConcurrently", "out", 0, (*rewriter).resolveConcurrently},
	{"MarshalSliceConcurrently", "graphql", 1, (*rewriter).marshalSlice},
	{"ResolveField", "graphql", 1, (*rewriter).resolveField},
	{"MarshalGQL", "data", answers, (*rewriter).marshalAnswer},
}

// answers is how many places of the generated code write an answer: of a query, a mutation and a subscription's event.
const answers = 3

// leafTypes are Go's types of fields that fastexec.Leaf is for.
var leafTypes = []string{"string", "bool", "int", "time.Time", "*string", "*int", "*time.Time"}

// rewriter edits the syntax tree of one file.
type rewriter struct {
	file   *ast.File
	leaves map[string]bool // the functions of field contexts that belong to struct fields without arguments
	done   map[string]int  // calls that were edited, in all
}

// rewrite returns generated code that calls package fastexec.
func rewrite(code []byte) ([]byte, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", code, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	r := rewriter{file: file, leaves: map[string]bool{}, done: map[string]int{}}
	if err := r.run(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = format.Node(&out, files, file)
	return out.Bytes(), err
}

func (r *rewriter) run() error {
	if err := r.addImport(); err != nil {
		return err
	}
	named := r.named()
	for _, f := range r.functions() {
		if isLeafContext(f) {
			r.leaves[f.Name.Name] = true
		}
	}
	for _, f := range r.functions() {
		if err := r.function(f); err != nil {
			return fmt.Errorf("%s: %w", f.Name.Name, err)
		}
	}
	for _, rule := range rules {
		if n := r.done[rule.name]; n == 0 || n != named[rule.name] {
			return fmt.Errorf("%s is named %d times, and %d of them are calls as expected", rule.name, named[rule.name], n)
		}
	}
	if n := r.done["MarshalGQL"]; n != answers {
		return fmt.Errorf("answers are written in %d places instead of %d", n, answers)
	}
	if r.done["Leaf"] == 0 {
		return errors.New("no field is a leaf")
	}
	return nil
}

// addImport adds the import. gofmt puts it in order.
func (r *rewriter) addImport() error {
	for _, spec := range r.file.Imports {
		if spec.Path.Value == strconv.Quote(fastexec) {
			return errors.New("it was rewritten before")
		}
	}
	if len(r.file.Imports) == 0 {
		return errors.New("it imports nothing")
	}
	imports := r.file.Decls[0].(*ast.GenDecl) //nolint:forcetypeassert // imports come first
	path := &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(fastexec), ValuePos: r.file.Imports[0].Pos()}
	imports.Specs = slices.Insert(imports.Specs, 0, ast.Spec(&ast.ImportSpec{Path: path}))
	return nil
}

// named counts how often each function that has a rule is named, in a call or elsewhere.
func (r *rewriter) named() map[string]int {
	named := map[string]int{}
	ast.Inspect(r.file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			named[s.Sel.Name]++
		}
		return true
	})
	return named
}

func (r *rewriter) functions() (list []*ast.FuncDecl) {
	for _, d := range r.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			list = append(list, f)
		}
	}
	return list
}

// function edits the calls in a function.
func (r *rewriter) function(f *ast.FuncDecl) (err error) {
	calls := map[string]int{}
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && err == nil {
			err = r.call(call, calls)
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return object(f, calls)
}

// call edits a call by its rule, if it has one. calls are those of the function so far.
func (r *rewriter) call(call *ast.CallExpr, calls map[string]int) error {
	at := slices.IndexFunc(rules, func(rule rule) bool { return isCall(call, rule.of, rule.name) })
	if at < 0 {
		return nil
	}
	rule := rules[at]
	if !rule.edit(r, call) {
		return fmt.Errorf("%s has other arguments than expected", rule.name)
	}
	r.done[rule.name]++
	if calls[rule.name]++; rule.most > 0 && calls[rule.name] > rule.most {
		return fmt.Errorf("%s is called more than %d times", rule.name, rule.most)
	}
	return nil
}

// object makes a function that computes an object return what fastexec writes. Such a function has a set of fields,
// collects the fields and groups those that are deferred, once each.
func object(f *ast.FuncDecl, calls map[string]int) error {
	if calls["NewFieldSet"] != calls["NewDeferredGroup"] || calls["NewFieldSet"] > calls["CollectFields"] {
		return errors.New("an object does not collect its fields and group the deferred ones once each")
	}
	if calls["NewFieldSet"] == 0 {
		if calls["ResolveConcurrently"] > 0 {
			return errors.New("ResolveConcurrently is called outside of an object")
		}
		return nil
	}
	last, ok := f.Body.List[len(f.Body.List)-1].(*ast.ReturnStmt)
	if !ok || len(last.Results) != 1 || types.ExprString(last.Results[0]) != "out" {
		return errors.New("an object does not end with: return out")
	}
	at := last.Results[0].Pos()
	last.Results[0] = &ast.CallExpr{Fun: selector("Object", at), Lparen: at, Args: idents(at, "fields", "out"), Rparen: at}
	return nil
}

func (r *rewriter) collectFields(call *ast.CallExpr) bool {
	if len(call.Args) != 3 || arguments(call.Args[:2]) != "ec.OperationContext, sel" {
		return false
	}
	// Lists of types are distinguished by their addresses, so each must be a package-level variable.
	_, variable := call.Args[2].(*ast.Ident)
	call.Fun = selector("Fields", call.Pos())
	return variable
}

func (r *rewriter) deferredGroup(call *ast.CallExpr) bool {
	if arguments(call.Args) != "ctx" {
		return false
	}
	call.Fun = selector("Deferred", call.Pos())
	call.Args = append(call.Args, idents(call.Rparen, "fields")...)
	return true
}

func (r *rewriter) resolveConcurrently(call *ast.CallExpr) bool {
	if len(call.Args) != 6 || arguments(call.Args[:3]) != "ec.OperationContext, &deferred, i" {
		return false
	}
	call.Fun = selector("Resolve", call.Pos())
	call.Args = slices.Concat(idents(call.Lparen, "ctx", "out", "field"), call.Args)
	return true
}

// marshalSlice takes lists whose elements are computed without a limit of how many at once, and with their panics
// caught.
func (r *rewriter) marshalSlice(call *ast.CallExpr) bool {
	if len(call.Args) != 5 || arguments(call.Args[:4]) != "ctx, len(v), 0, false" {
		return false
	}
	call.Fun = selector("Slice", call.Pos())
	return true
}

// resolveField edits leaves. All other fields stay as gqlgen computes them.
func (r *rewriter) resolveField(call *ast.CallExpr) bool {
	if len(call.Args) != 9 {
		return false
	}
	context, ok := returned(call.Args[3])
	marshal, isMarshal := call.Args[6].(*ast.FuncLit)
	if !ok || !isMarshal {
		return false
	}
	place, ok := context[0].(*ast.CallExpr)
	if ok && r.isLeaf(call, types.ExprString(place.Fun), lastParameter(marshal)) {
		call.Fun = selector("Leaf", call.Pos())
		r.done["Leaf"]++
	}
	return ok
}

func (r *rewriter) isLeaf(call *ast.CallExpr, context, result string) bool {
	value, ok := returned(call.Args[4])
	return ok && isFieldOfObject(value) && types.ExprString(call.Args[5]) == "nil" &&
		r.leaves[strings.TrimPrefix(context, "ec.")] && slices.Contains(leafTypes, result)
}

func (r *rewriter) marshalAnswer(call *ast.CallExpr) bool {
	if arguments(call.Args) != "&buf" {
		return false
	}
	call.Fun = selector("Write", call.Pos())
	call.Args = slices.Concat(idents(call.Lparen, "ctx"), call.Args, idents(call.Rparen, "data"))
	return true
}
