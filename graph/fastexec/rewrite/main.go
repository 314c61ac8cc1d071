// Program rewrite makes the code that gqlgen has generated call package fastexec.
//
//	go run ./graph/fastexec/rewrite graph/generated/generated.go
//
// It edits the text of the file at the places that its syntax tree has for calls of gqlgen's runtime (rewrite.go), and
// fails where a call is not as expected: a release of gqlgen that generates something else must be looked at, and not
// be guessed at.
package main

import (
	"fmt"
	"os"
)

func main() {
	for _, name := range os.Args[1:] {
		if err := rewriteFile(name); err != nil {
			fmt.Fprintf(os.Stderr, "rewrite: %s is not what gqlgen used to generate: %v\n", name, err)
			os.Exit(1)
		}
	}
}

// rewriteFile rewrites a file in its place, and leaves it alone if it is not as expected.
func rewriteFile(name string) error {
	code, err := os.ReadFile(name) //nolint:gosec // the file that make generate names
	if err != nil {
		return err
	}
	if code, err = rewrite(code); err != nil {
		return err
	}
	return os.WriteFile(name, code, 0o644) //nolint:gosec // code is no secret
}
