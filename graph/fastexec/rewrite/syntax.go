package main

import (
	"go/ast"
	"go/token"
	"go/types"
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

// isFieldOfObject reports whether values are a field of the object's struct, and no error.
func isFieldOfObject(values []ast.Expr) bool {
	if len(values) != 2 || types.ExprString(values[1]) != "nil" {
		return false
	}
	field, ok := values[0].(*ast.SelectorExpr)
	return ok && types.ExprString(field.X) == "obj"
}

// isLeafContext reports whether a function makes the context of a field that has neither arguments, nor fields below
// it, nor a method or resolver.
func isLeafContext(f *ast.FuncDecl) bool {
	values, ok := onlyReturn(f.Body)
	if !ok || len(values) != 1 {
		return false
	}
	call, ok := values[0].(*ast.CallExpr)
	return ok && isCall(call, "graphql", "NewScalarFieldContext") && len(call.Args) == 5 &&
		types.ExprString(call.Args[2]) == "false" && types.ExprString(call.Args[3]) == "false"
}

// lastParameter returns the type of a function's last parameter as it is written.
func lastParameter(f *ast.FuncLit) string {
	list := f.Type.Params.List
	if len(list) == 0 {
		return ""
	}
	return types.ExprString(list[len(list)-1].Type)
}

// selector is the name of a function of package fastexec. Where it stands decides how gofmt breaks lines.
func selector(name string, at token.Pos) ast.Expr {
	return &ast.SelectorExpr{X: &ast.Ident{Name: "fastexec", NamePos: at}, Sel: &ast.Ident{Name: name, NamePos: at}}
}

func idents(at token.Pos, names ...string) []ast.Expr {
	list := make([]ast.Expr, len(names))
	for i, name := range names {
		list[i] = &ast.Ident{Name: name, NamePos: at}
	}
	return list
}
