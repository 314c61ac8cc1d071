package transport_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"petitiond/server/transport/nodetest"
)

// nodeDir returns the folder of the Node programs, ready to run; without Node it skips the test, in CI it fails it.
func nodeDir(t testing.TB) string {
	t.Helper()
	return nodetest.Dir(t)
}

// node runs one of the Node programs to its end and returns what it printed, and whether it was content.
func node(t testing.TB, env []string, program string, args ...string) (output string, ok bool) {
	t.Helper()
	dir := nodeDir(t)
	cmd := exec.CommandContext(t.Context(), "node", append([]string{program}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func TestContract(t *testing.T) {
	t.Parallel()
	contract, err := os.ReadFile(filepath.Join("..", "..", "schema.graphqls"))
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name, program, content string
		old, new, objection    string // a change that the program must object to, and a word of the objection
	}{
		{"Lint", "lint.mjs", "lint ok", `"""The title, 3 to 150 characters."""`, "", "require-description"},
		{"Relay", "relay.mjs", "relay ok", "cursor: String!", "place: String!", "cursor"},
		{"Inspector", "inspect.mjs", "inspect ok", "editToken: String\n", "secret: String\n", "'editToken' was removed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if out, ok := node(t, nil, test.program); !ok || !strings.Contains(out, test.content) {
				t.Errorf("%s objects to the contract:\n%s", test.program, out)
			}

			spoilt := strings.Replace(string(contract), test.old, test.new, 1)
			if spoilt == string(contract) {
				t.Fatalf("the contract has no %q to spoil any more", test.old)
			}
			file := filepath.Join(t.TempDir(), "schema.graphqls")
			if err := os.WriteFile(file, []byte(spoilt), 0o600); err != nil {
				t.Fatal(err)
			}
			out, ok := node(t, []string{"SCHEMA=" + file}, test.program)
			if ok || !strings.Contains(out, test.objection) {
				t.Errorf("%s accepts a contract without %q:\n%s", test.program, test.old, out)
			}
		})
	}
}

func TestAuditFailsWithoutGraphQL(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)

	if out, ok := node(t, nil, "audit.mjs", server.URL); ok || strings.Contains(out, "61 ok") {
		t.Errorf("the audit is content with a server that answers nothing:\n%s", out)
	}
}

// A lock file with addresses would send everybody to the registry of the person who wrote it.
func TestLockNamesNoRegistry(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile(filepath.Join("testdata", "node", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`"resolved":[^\n]*|\.tgz`).Find(lock); found != nil {
		t.Errorf("package-lock.json has %s: write it with omit-lockfile-registry-resolved, as .npmrc says", found)
	}
}
