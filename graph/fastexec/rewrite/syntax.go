package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// isCall reports whether a call is of a function or method, before whose dot stands this package or variable.
func isCall(call *ast.CallExpr, of, name string) bool {
	return types.ExprString(call.Fun) == of+"."+name
}

// arguments returns arguments of a call as they are written.
func arguments(list []ast.Expr) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = types.ExprString(a)
	}
	return strings.Join(texts, ", ")
}

// returned returns what a function without a name returns, if it does nothing else.
func returned(e ast.Expr) ([]ast.Expr, bool) {
	f, ok := e.(*ast.FuncLit)
	if !ok {
		return nil, false
	}
	return onlyReturn(f.Body)
}

// onlyReturn returns what a body returns that does nothing else.
func onlyReturn(body *ast.BlockStmt) ([]ast.Expr, bool) {
	if len(body.List) != 1 {
		return nil, false
	}
	statement, ok := body.List[0].(*ast.ReturnStmt)
	if !ok || len(statement.Results) == 0 {
		return nil, false
	}
	return statement.Results, true
}

// kind is what a field leads to, as far as it can be seen from the function that makes its context.
type kind int

const (
	other  kind = iota // it has arguments, or the function does something unknown
	leaf               // nothing
	branch             // an object or a list of objects
)

// kindOf returns the kind of the field whose context a function makes. Both kinds have functions that do nothing else.
func kindOf(f *ast.FuncDecl) kind {
	switch body := f.Body.List; len(body) {
	case 1:
		values, ok := onlyReturn(f.Body)
		if call, isOne := first(values).(*ast.CallExpr); ok && isOne && isCall(call, "graphql", "NewScalarFieldContext") {
			return leaf
		}
	case 2:
		set, isSet := body[0].(*ast.AssignStmt)
		done, isReturn := body[1].(*ast.ReturnStmt)
		if isSet && isReturn && arguments(done.Results) == "fc, nil" && isContext(first(set.Rhs)) {
			return branch
		}
	}
	return other
}

// isContext reports whether an expression is a new graphql.FieldContext.
func isContext(e ast.Expr) bool {
	address, ok := e.(*ast.UnaryExpr)
	if !ok {
		return false
	}
	made, ok := address.X.(*ast.CompositeLit)
	return ok && types.ExprString(made.Type) == "graphql.FieldContext"
}

// first returns the only expression of a list, or nil.
func first(list []ast.Expr) ast.Expr {
	if len(list) != 1 {
		return nil
	}
	return list[0]
}

// lastParameter returns the type of a function's last parameter as it is written.
func lastParameter(f *ast.FuncLit) string {
	list := f.Type.Params.List
	if len(list) == 0 {
		return ""
	}
	return types.ExprString(list[len(list)-1].Type)
}

// text returns the text of a node.
func (r *rewriter) text(n ast.Node) string { return string(r.code[r.at(n.Pos()):r.at(n.End())]) }

// texts returns the text from the first to the last of some nodes.
func (r *rewriter) texts(list []ast.Expr) string {
	return string(r.code[r.at(list[0].Pos()):r.at(list[len(list)-1].End())])
}

// at returns the offset of a position in the text.
func (r *rewriter) at(pos token.Pos) int { return int(pos) - r.base }

// replace notes the new text of a node.
func (r *rewriter) replace(n ast.Node, text string) { r.replaceBetween(n.Pos(), n.End(), text) }

// replaceBetween notes the new text between two positions.
func (r *rewriter) replaceBetween(from, to token.Pos, text string) {
	r.edits = append(r.edits, edit{r.at(from), r.at(to), text})
}

// edited returns the text with all edits.
func (r *rewriter) edited() []byte {
	slices.SortFunc(r.edits, func(a, b edit) int { return a.from - b.from })
	var out []byte
	at := 0
	for _, e := range r.edits {
		out = append(append(out, r.code[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, r.code[at:]...)
}
