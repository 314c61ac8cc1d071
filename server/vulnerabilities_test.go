package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is what a program printed and how it ended.
type outcome struct {
	text string
	code int
}

// What govulncheck and npm audit were seen to say.
var (
	goClean    = outcome{"No vulnerabilities found.\n", 0}
	goUncalled = outcome{`=== Symbol Results ===

No vulnerabilities found.

Your code is affected by 0 vulnerabilities.
This scan also found 1 vulnerability in packages you import and 0 vulnerabilities
in modules you require, but your code doesn't appear to call these vulnerabilities.
Use '-show verbose' for more details.
`, 0}
	goFound = outcome{`=== Symbol Results ===

Vulnerability #1: GO-2024-2687
    HTTP/2 CONTINUATION flood in net/http
  More info: https://pkg.go.dev/vuln/GO-2024-2687
  Standard library
    Found in: net/http@go1.22.1
    Fixed in: net/http@go1.22.2
    Example traces found:
      #1: server/app.go:341:30: server.App.serve calls http.Server.Serve

Your code is affected by 1 vulnerability from the Go standard library.
This scan found no other vulnerabilities in packages you import or modules you
require.
Use '-show verbose' for more details.
`, 3}
	goAway = outcome{"govulncheck: fetching vulnerabilities: Get \"https://vuln.go.dev/index/modules.json.gz\": dial tcp: " +
		"lookup vuln.go.dev on 10.255.255.53:53: no such host\n", 1}
	goProxyAway = outcome{"go: downloading golang.org/x/vuln v1.9.0\ngolang.org/x/vuln/cmd/govulncheck: golang.org/x/vuln@v1.9.0: " +
		"Get \"http://127.0.0.1:9/golang.org/x/vuln/@v/v1.9.0.zip\": dial tcp 127.0.0.1:9: connect: connection refused\n", 1}
	goBroken = outcome{"govulncheck: loading packages: \nThere are errors with the provided package patterns:\n\n" +
		"server/app.go:12:1: expected declaration, found nonsense\n", 1}
	npmClean = outcome{"found 0 vulnerabilities\n", 0}
	npmFound = outcome{`# npm audit report

lodash  <=4.17.20
Severity: high
Command Injection in lodash - https://github.com/advisories/GHSA-35jh-r3h4-6jhm
fix available via ` + "`npm audit fix`" + `
node_modules/lodash

1 high severity vulnerability

To address all issues, run:
  npm audit fix
`, 1}
	npmAway = outcome{"npm warn audit 405 Method Not Allowed - POST https://registry.npmjs.org/-/npm/v1/security/advisories/bulk\n" +
		"undefined\nnpm error audit endpoint returned an error\nnpm error A complete log of this run can be found in: /tmp/x.log\n", 1}
	npmBroken = outcome{"npm error code EJSONPARSE\nnpm error JSON.parse Invalid package.json\n", 1}
)

// program puts a shell script into a folder.
func program(t *testing.T, folder, name, body string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
}

// says puts a program into a folder that prints something and ends.
func says(t *testing.T, folder, name string, what outcome) {
	t.Helper()
	text := filepath.Join(folder, name+".txt")
	if err := os.WriteFile(text, []byte(what.text), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, folder, name, fmt.Sprintf("cat %s\nexit %d\n", text, what.code))
}

// audited runs the script with the programs in a folder.
func audited(t *testing.T, folder string, settings ...string) (output string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "../.ci/vulnerabilities")
	command.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	command.Env = append(command.Env, settings...)
	text, err := command.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(text), failed.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(text), 0
}

// A vulnerability that is reported fails the check. A database that cannot be reached does not, and is never taken for
// one that knows of nothing.
func TestVulnerabilitiesAreJudged(t *testing.T) {
	t.Parallel()
	const locks = 2 // of npm in the project
	for name, test := range map[string]struct {
		goSays, npmSays          outcome
		code, nothing, notJudged int
		shows                    string
	}{
		"Nothing":     {goClean, npmClean, 0, 1 + locks, 0, ""},
		"NotCalled":   {goUncalled, npmClean, 0, 1 + locks, 0, ""},
		"Go":          {goFound, npmClean, 1, locks, 0, "GO-2024-2687"},
		"Npm":         {goClean, npmFound, 1, 1, 0, "GHSA-35jh-r3h4-6jhm"},
		"GoAway":      {goAway, npmClean, 0, locks, 1, "no such host"},
		"GoProxyAway": {goProxyAway, npmClean, 0, locks, 1, "connection refused"},
		"NpmAway":     {goClean, npmAway, 0, 1, locks, "audit endpoint returned an error"},
		"AllAway":     {goAway, npmAway, 0, 0, 1 + locks, ""},
		"GoNpmAway":   {goFound, npmAway, 1, 0, locks, "GO-2024-2687"},
		"NpmGoAway":   {goAway, npmFound, 1, 0, 1, "GHSA-35jh-r3h4-6jhm"},
		"GoBroken":    {goBroken, npmClean, 1, locks, 0, "found nonsense"},
		"NpmBroken":   {goClean, npmBroken, 1, 1, 0, "EJSONPARSE"},
		"GoSilent":    {outcome{"", 0}, npmClean, 1, locks, 0, ""},
		"NpmSilent":   {goClean, outcome{"", 0}, 1, 1, 0, ""},
		// A report stays one whatever it is about.
		"GoAboutNetworks":  {outcome{goFound.text + goAway.text, 3}, npmClean, 1, locks, 0, "GO-2024-2687"},
		"NpmAboutNetworks": {goClean, outcome{npmFound.text + "connection refused: npm error audit endpoint returned an error\n", 1}, 1, 1, 0, "lodash"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			says(t, folder, "go", test.goSays)
			says(t, folder, "npm", test.npmSays)
			output, code := audited(t, folder)
			if code != test.code {
				t.Errorf("code %d, want %d", code, test.code)
			}
			if got := strings.Count(output, ": nothing known"); got != test.nothing {
				t.Errorf("%d times nothing known, want %d", got, test.nothing)
			}
			if got := strings.Count(output, "NOT JUDGED"); got != test.notJudged {
				t.Errorf("%d times not judged, want %d", got, test.notJudged)
			}
			if (code == 0) == strings.Contains(output, "FAILED") || !strings.Contains(output, test.shows) {
				t.Errorf("want the word FAILED where it failed, and %q", test.shows)
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

// A database that keeps silent is not waited for.
func TestVulnerabilitiesHaveALimit(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	program(t, folder, "go", "exec sleep 600\n")
	says(t, folder, "npm", npmClean)
	output, code := audited(t, folder, "LIMIT=1")
	if code != 0 || !strings.Contains(output, "Go: NOT JUDGED: no answer within 1 s") {
		t.Errorf("code %d, want 0 and the silence told:\n%s", code, output)
	}
}
