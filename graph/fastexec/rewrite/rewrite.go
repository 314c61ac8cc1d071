package main

import (
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
	// edit notes what the call becomes, and reports whether it was as expected.
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
var leafTypes = []string{"string", "bool", "int", "time.Time", "*string", "*int", "*time.Time", "*scalar.ID"}

// rewriter edits the text of one file.
type rewriter struct {
	code       []byte
	base       int // position of the first byte
	file       *ast.File
	contexts   map[string]kind        // the functions of field contexts by their names
	statements map[*ast.CallExpr]bool // the calls that are statements
	done       map[string]int         // calls that were edited, in all
	// Collected first and applied at the end, so that places of the tree stay places of the text.
	edits []edit
}

// edit replaces a part of the text. The parts of two edits never overlap.
type edit struct {
	from, to int
	text     string
}

// rewrite returns generated code that calls package fastexec.
func rewrite(code []byte) ([]byte, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", code, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	r := rewriter{
		code: code, base: files.File(file.Pos()).Base(), file: file,
		contexts: map[string]kind{}, statements: map[*ast.CallExpr]bool{}, done: map[string]int{},
	}
	if err := r.run(); err != nil {
		return nil, err
	}
	// Which fails if the text is no Go any more.
	return format.Source(r.edited())
}

// run edits the file, and then compares what was edited with what is named in it: a release of gqlgen that names one of
// these functions in a new place is noticed here.
func (r *rewriter) run() error {
	if err := r.addImport(); err != nil {
		return err
	}
	named := r.named()
	for _, f := range r.functions() {
		// All of them first: a field is edited by the function of its context, which may stand behind it.
		r.contexts[f.Name.Name] = kindOf(f)
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
	// Leaves are found by their form, so that none at all means that the form has changed.
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
	at := r.file.Imports[0]
	r.replace(at, strconv.Quote(fastexec)+"\n"+r.text(at))
	return nil
}

// named counts how often each function that has a rule is named, in a call or elsewhere.
func (r *rewriter) named() map[string]int {
	named := map[string]int{}
	// By the name alone, whatever stands before the dot, so that none is overlooked.
	ast.Inspect(r.file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			named[s.Sel.Name]++
		}
		return true
	})
	return named
}

// functions returns the functions and methods of the file.
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
		if statement, ok := n.(*ast.ExprStmt); ok {
			if call, ok := statement.X.(*ast.CallExpr); ok {
				r.statements[call] = true
			}
		}
		if call, ok := n.(*ast.CallExpr); ok && err == nil {
			err = r.call(call, calls)
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return r.object(f, calls)
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
func (r *rewriter) object(f *ast.FuncDecl, calls map[string]int) error {
	if calls["NewFieldSet"] != calls["NewDeferredGroup"] || calls["NewFieldSet"] > calls["CollectFields"] {
		return errors.New("an object does not collect its fields and group the deferred ones once each")
	}
	if calls["NewFieldSet"] == 0 {
		if calls["ResolveConcurrently"] > 0 {
			return errors.New("ResolveConcurrently is called outside of an object")
		}
		return nil
	}
	// All other returns of such a function are of objects that were given up.
	last, ok := f.Body.List[len(f.Body.List)-1].(*ast.ReturnStmt)
	if !ok || len(last.Results) != 1 || types.ExprString(last.Results[0]) != "out" {
		return errors.New("an object does not end with: return out")
	}
	r.replace(last.Results[0], "fastexec.Object(fields, out)")
	return nil
}

// collectFields takes the context besides, in which fastexec finds what it knows of the document.
func (r *rewriter) collectFields(call *ast.CallExpr) bool {
	if len(call.Args) != 3 || arguments(call.Args[:2]) != "ec.OperationContext, sel" {
		return false
	}
	// Lists of types are distinguished by their addresses, so each must be a package-level variable.
	_, variable := call.Args[2].(*ast.Ident)
	r.replace(call, "fastexec.Fields(ctx, "+arguments(call.Args)+")")
	return variable
}

// deferredGroup is the one call that gqlgen makes for every object, whether or not anything of it is deferred.
func (r *rewriter) deferredGroup(call *ast.CallExpr) bool {
	r.replace(call, "fastexec.Deferred(ctx, fields)")
	return arguments(call.Args) == "ctx"
}

// resolveConcurrently leaves the call to those fields that fastexec.Resolve does not compute. The function that
// computes the field is written twice: if both calls were given the same one, it would be allocated for each field.
func (r *rewriter) resolveConcurrently(call *ast.CallExpr) bool {
	if len(call.Args) != 6 || arguments(call.Args[:3]) != "ec.OperationContext, &deferred, i" || !r.statements[call] {
		return false
	}
	r.replace(call, "if !fastexec.Resolve(ctx, out, field, ec.OperationContext, i, "+r.texts(call.Args[3:])+") {\n"+
		r.text(call)+"\n}")
	return true
}

// marshalSlice takes lists whose elements are computed without a limit of how many at once, and with their panics
// caught. It removes what gqlgen notes in the place of each element for middleware, which there is none of.
func (r *rewriter) marshalSlice(call *ast.CallExpr) bool {
	if len(call.Args) != 5 || arguments(call.Args[:4]) != "ctx, len(v), 0, false" {
		return false
	}
	element, ok := call.Args[4].(*ast.FuncLit)
	if !ok {
		return false
	}
	r.replace(call.Fun, "fastexec.Slice")
	body := element.Body.List
	if len(body) == 3 && r.text(body[0]) == "fc := graphql.GetFieldContext(ctx)" && r.text(body[1]) == "fc.Result = &v[i]" {
		r.replaceBetween(body[0].Pos(), body[2].Pos(), "")
		body = body[2:]
	}
	return len(body) == 1
}

// resolveField edits leaves and branches. All other fields stay as gqlgen computes them.
func (r *rewriter) resolveField(call *ast.CallExpr) bool {
	if len(call.Args) != 9 || arguments(call.Args[:3]) != "ctx, ec.OperationContext, field" {
		return false
	}
	begin, ok := returned(call.Args[3])
	read, isRead := call.Args[4].(*ast.FuncLit)
	marshal, isMarshal := call.Args[6].(*ast.FuncLit)
	if !ok || !isRead || !isMarshal || arguments(call.Args[7:8]) != "true" {
		return false
	}
	context, ok := begin[0].(*ast.CallExpr)
	if _, only := onlyReturn(read.Body); ok && only && arguments(call.Args[5:6]) == "nil" {
		r.field(call, r.contexts[strings.TrimPrefix(types.ExprString(context.Fun), "ec.")], read, lastParameter(marshal))
	}
	return ok
}

// field edits a field of a kind and of a type.
func (r *rewriter) field(call *ast.CallExpr, kind kind, read *ast.FuncLit, of string) {
	var begin string
	switch {
	case kind == leaf && slices.Contains(leafTypes, of):
		begin = "fastexec.Leaf(ctx, " + r.text(call.Args[8])
		r.done["Leaf"]++
	case kind == branch:
		begin = "fastexec.Branch(ctx, field"
	default:
		return
	}
	r.replace(call, begin+",\nfunc(ctx context.Context) ("+of+", error) "+r.text(read.Body)+",\n"+r.text(call.Args[6])+",\n"+
		"func(read func(context.Context) (any, error)) graphql.Marshaler {\nreturn "+r.text(call.Fun)+"(\n"+
		r.texts(call.Args[:4])+",\nread,\n"+r.texts(call.Args[5:])+",\n)\n},\n)")
}

// marshalAnswer lets the bytes of an answer count against its budget while they are written.
func (r *rewriter) marshalAnswer(call *ast.CallExpr) bool {
	r.replace(call, "fastexec.Write(ctx, &buf, data)")
	return arguments(call.Args) == "&buf"
}
