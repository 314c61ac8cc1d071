package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"petitiond/server/transport/nodetest"
)

// snippet matches a file of doc/clients.md: its name stands behind the language.
var snippet = regexp.MustCompile("(?ms)^```[a-z]+ (\\S+)\n(.*?)^```$")

// petitionOfPage is the petition that the files of doc/clients.md sign and watch.
const petitionOfPage = "UAGC5QsgwHAslOuy5jdTAFs"

// watchers are the files that watch a petition, each with the lines in which it prints the count.
var watchers = map[string][]string{
	"graphql-ws.mjs": {`^(\d+) of 100$`},
	"dashboard.mjs":  {`^Cloudflare, .*: (\d+)$`},
	"apollo.mjs":     {`^Cloudflare, .*: (\d+)$`},
	"urql.mjs":       {`^Cloudflare, .*: (\d+)$`},
	"tanstack.mjs":   {`^(\d+)$`},
}

// Every file of doc/clients.md runs as it stands, with no change but the server's address.
func TestClientsPage(t *testing.T) {
	t.Parallel()
	s := start(t, append(sqlite(t), "PETITION_DEMO=true", "PETITION_ADMIN_KEY="+adminOfTests))
	dir := clientsPage(t, s.url)

	for name, lines := range watchers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.follow(t, clientCommand(t, dir, "node", name), lines...)
		})
	}
	t.Run("graphql-ws.mjs with a key", func(t *testing.T) {
		t.Parallel()
		cmd := clientCommand(t, dir, "node", "graphql-ws.mjs")
		cmd.Env = append(cmd.Environ(), "PETITION_KEY="+adminOfTests)
		s.follow(t, cmd, watchers["graphql-ws.mjs"]...)

		cmd = clientCommand(t, dir, "node", "graphql-ws.mjs")
		cmd.Env = append(cmd.Environ(), "PETITION_KEY=pe_nobody")
		if out, err := cmd.CombinedOutput(); string(out) != "closed with 4403\n" {
			t.Errorf("with a key that nobody has: %v\n%s", err, out)
		}
	})
	t.Run("graphql-sse.mjs", func(t *testing.T) {
		t.Parallel()
		s.testModesOfPage(t)
	})
	t.Run("eventsource.js", func(t *testing.T) {
		t.Parallel()
		paste := filepath.Join(nodetest.Dir(t), "clients", "paste.mjs")
		s.follow(t, clientCommand(t, dir, "node", paste, s.url, nodetest.Browser(t), "eventsource.js"), `^(\d+) of 100$`)
	})
	t.Run("apollo-list.mjs", func(t *testing.T) {
		t.Parallel()
		want := "5 petitions\n10 petitions\n15 petitions\n17 petitions\n"
		if got := outputOf(t, dir, "node", "apollo-list.mjs"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("relay", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(dir, "relay")
		outputOf(t, dir, "sh", "compile.sh")
		s.follow(t, clientCommand(t, dir, "node", "live.mjs"), `^Cloudflare, .*: (\d+)$`)
	})
	t.Run("codegen", func(t *testing.T) {
		t.Parallel()
		s.testCodegenOfPage(t, filepath.Join(dir, "codegen"))
	})
	t.Run("genqlient", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(dir, "genqlient")
		s.prepareGenqlient(t, dir)
		outputOf(t, dir, "go", "build", "-o", "client", ".")
		s.follow(t, clientCommand(t, dir, "./client"), `^(\d+)$`)
	})
	t.Run("sign.mjs", func(t *testing.T) {
		t.Parallel()
		s.testSigningOfPage(t)
	})
}

// The page has no file that the test above leaves out.
func TestClientsPageIsChecked(t *testing.T) {
	t.Parallel()
	var got []string
	for _, found := range snippet.FindAllStringSubmatch(readText(t, "doc/clients.md"), -1) {
		got = append(got, found[1])
	}
	want := slices.Concat(slices.Collect(maps.Keys(watchers)), []string{
		"apollo-list.mjs", "eventsource.js", "graphql-sse.mjs", "sign.mjs",
		"codegen/codegen.ts", "codegen/operations.graphql", "codegen/page.ts",
		"genqlient/genqlient.yaml", "genqlient/main.go", "genqlient/operations.graphql",
		"relay/Page.js", "relay/compile.sh", "relay/live.mjs", "relay/relay.config.json",
	})
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("doc/clients.md has the files %q, and those that are run are %q", got, want)
	}
	if fences := strings.Count(readText(t, "doc/clients.md"), "\n```"); fences != 2*len(got) {
		t.Errorf("%d fences for %d files: every block needs a name", fences, len(got))
	}
}

// clientsPage writes the files of doc/clients.md into a new folder, for a server with that address.
func clientsPage(t *testing.T, address string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Symlink(filepath.Join(nodetest.Dir(t), "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`))
	host := strings.TrimPrefix(address, "http://")
	for _, found := range snippet.FindAllStringSubmatch(readText(t, "doc/clients.md"), -1) {
		name := filepath.Join(dir, found[1])
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, name, []byte(strings.ReplaceAll(found[2], "localhost:8080", host)))
	}
	return dir
}

// clientCommand returns a command that ends with the test, and may end a browser before it.
func clientCommand(t *testing.T, dir, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOWORK=off", "GOFLAGS=")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// outputOf returns what a command prints, and fails the test if the command fails.
func outputOf(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := clientCommand(t, dir, name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// follow runs a program that watches the petition. By each of the patterns it must print a line with the count, and
// after a signature one with a count that includes it.
func (s *site) follow(t *testing.T, cmd *exec.Cmd, patterns ...string) {
	t.Helper()
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
		_ = in.Close()
	}()
	defer func() {
		_ = out.Close() // a program that is still printing must not wait for a reader
		_ = cmd.Cancel()
		<-ended
	}()

	lines := bufio.NewScanner(out)
	awaitCounts(t, lines, patterns, 0)
	awaitCounts(t, lines, patterns, s.signPetitionOfPage(t))
}

// awaitCounts reads lines until there was one by each of the patterns whose count is at least so high.
func awaitCounts(t *testing.T, lines *bufio.Scanner, patterns []string, least int) {
	t.Helper()
	var printed strings.Builder
	for left := slices.Clone(patterns); len(left) > 0; {
		if !lines.Scan() {
			t.Fatalf("no count of %d by %q in:\n%s", least, left, printed.String())
		}
		printed.WriteString(lines.Text() + "\n")
		left = slices.DeleteFunc(left, func(pattern string) bool {
			found := regexp.MustCompile(pattern).FindStringSubmatch(lines.Text())
			if found == nil {
				return false
			}
			n, err := strconv.Atoi(found[1])
			return err == nil && n >= least
		})
	}
}

// signPetitionOfPage adds a signature and returns the count that includes it.
func (s *site) signPetitionOfPage(t *testing.T) int {
	t.Helper()
	var signed struct {
		SignPetition struct{ Petition struct{ SignatureCount int } }
	}
	s.ask(t, "", `mutation($input: SignPetitionInput!) { signPetition(input: $input) { petition { signatureCount } } }`,
		map[string]any{"input": map[string]any{
			"petitionId": petitionOfPage, "name": "Ann", "email": rand.Text() + "@example.org",
		}}, &signed)
	return signed.SignPetition.Petition.SignatureCount
}

// testCodegenOfPage makes types, and runs what uses them against a server that trusts their documents alone.
func (s *site) testCodegenOfPage(t *testing.T, dir string) {
	outputOf(t, dir, "node", filepath.Join(nodetest.Dir(t), "clients", "generate.mjs"), dir)
	trusting := start(t, append(sqlite(t), "PETITION_DEMO=true",
		"PETITION_TRUSTED_DOCUMENTS="+filepath.Join(dir, "gql", "persisted-documents.json")))
	page := filepath.Join(dir, "page.js")
	text := readText(t, page)
	host := func(address string) string { return strings.TrimPrefix(address, "http://") }
	put(t, page, []byte(strings.ReplaceAll(text, host(s.url), host(trusting.url))))
	want := "Cloudflare, stop supporting IBSA websites 2022\nCOUNTED 1\n"
	if got := outputOf(t, dir, "node", "page.js"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// testModesOfPage watches in both modes of graphql-sse. A client reserves the stream of a single connection by PUT.
func (s *site) testModesOfPage(t *testing.T) {
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	var reserved atomic.Int32
	forward := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			reserved.Add(1)
		}
		forward.ServeHTTP(w, r)
	}))
	defer front.Close()
	s.follow(t, clientCommand(t, clientsPage(t, front.URL), "node", "graphql-sse.mjs"), `^distinct (\d+)$`, `^single (\d+)$`)
	if n := reserved.Load(); n != 1 {
		t.Errorf("%d of two clients reserved a stream, want one", n)
	}
}

// testSigningOfPage loses the first answer: the signature is sent again with the same key.
func (s *site) testSigningOfPage(t *testing.T) {
	lossy := &losingFirst{site: s}
	server := httptest.NewServer(lossy)
	out := outputOf(t, clientsPage(t, server.URL), "node", "sign.mjs")
	server.Close()
	if !regexp.MustCompile(`^COUNTED \d+\nINVALID .*'name'.*\nINVALID .*'email'.*\n$`).MatchString(out) {
		t.Errorf("it printed %q", out)
	}
	keys := lossy.keys
	if len(keys) != 3 || len(keys[0]) != 36 || keys[0] != keys[1] || keys[1] == keys[2] {
		t.Errorf("want a key for each signature and the same for the second attempt, got %q", keys)
	}
}

// losingFirst stands before a site. The first answer does not come back.
type losingFirst struct {
	site *site
	mu   sync.Mutex // guards keys
	keys []string   // the idempotency keys of what was sent
}

func (l *losingFirst) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sent struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		panic(http.ErrAbortHandler)
	}
	input, _ := sent.Variables["input"].(map[string]any)
	key, _ := input["idempotencyKey"].(string)
	l.keys = append(l.keys, key)
	answer, err := l.forward(r.Context(), sent)
	if err != nil || len(l.keys) == 1 {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	_, _ = w.Write(answer)
}

func (l *losingFirst) forward(ctx context.Context, sent any) ([]byte, error) {
	body, err := json.Marshal(sent)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.site.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
