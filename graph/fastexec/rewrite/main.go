// Program rewrite makes the code that gqlgen has generated call package fastexec.
//
//	go run ./graph/fastexec/rewrite graph/generated/generated.go
package main

import (
	"bytes"
	"fmt"
	"os"
)

// calls are what is replaced by what. Each must be there: a release of gqlgen that names them otherwise is noticed.
var calls = [][2]string{
	{"graphql.MarshalSliceConcurrently(", "fastexec.Slice("},
	{"out.ResolveConcurrently(ec.OperationContext,", "fastexec.Resolve(ctx, out, field, ec.OperationContext,"},
	{"graphql.ResolveField(", "fastexec.Field("},
	{"graphql.CollectFields(", "fastexec.Fields("},
	{"graphql.NewDeferredGroup(ctx)", "fastexec.Deferred(ctx, fields)"},
	{"var buf bytes.Buffer\n\t\t\tdata.MarshalGQL(&buf)", "buf := fastexec.Written(ctx, data)"},
	{"\t\t\tdata.MarshalGQL(&buf)", "\t\t\tfastexec.Event(ctx, &buf, data)"},
	{"\treturn out\n}", "\treturn fastexec.Object(fields, out)\n}"},
	{"\t\"petitiond/graph/model\"\n", "\t\"petitiond/graph/fastexec\"\n\t\"petitiond/graph/model\"\n"},
}

func main() {
	if err := rewrite(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rewrite:", err)
		os.Exit(1)
	}
}

func rewrite(files []string) error {
	for _, name := range files {
		code, err := os.ReadFile(name) //nolint:gosec // who runs this names a file of his own
		if err != nil {
			return err
		}
		for _, call := range calls {
			before, after := []byte(call[0]), []byte(call[1])
			if !bytes.Contains(code, before) {
				return fmt.Errorf("%s has nothing like %q: has gqlgen changed?", name, call[0])
			}
			code = bytes.ReplaceAll(code, before, after)
		}
		if err := os.WriteFile(name, code, 0o644); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}
