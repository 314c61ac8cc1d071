package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log"
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

	"petitiond/server/settings"
	"petitiond/server/transport/nodetest"
)

// snippet matches a file of doc/clients.md: its name stands behind the language.
var snippet = regexp.MustCompile("(?ms)^```[a-z]+ (\\S+)\n(.*?)^```$")

// petitionOfPage is the petition that the files of doc/clients.md sign and watch.
const petitionOfPage = "UAGC5QsgwHAslOuy5jdTAFs"

// watchers are the files that watch a petition, each with the lines in which it prints the count.
var watchers = map[string][]string{
	"graphql-ws.mjs":    {`^(\d+) of 100$`},
	"graphql-sse.mjs":   {`^distinct (\d+)$`, `^single (\d+)$`},
	"dashboard.mjs":     {`^Cloudflare, .*: (\d+)$`},
	"apollo.mjs":        {`^Cloudflare, .*: (\d+)$`},
	"urql.mjs":          {`^Cloudflare, .*: (\d+)$`},
	"tanstack.mjs":      {`^(\d+)$`},
	"relay/live.mjs":    {`^Cloudflare, .*: (\d+)$`},
	"eventsource.js":    {`^(\d+) of 100$`},
	"genqlient/main.go": {`^(\d+)$`},
}

// Every file of doc/clients.md runs as it stands, with no change but the server's address.
func TestClientsPage(t *testing.T) {
	t.Parallel()
	s := start(t, append(sqlite(t), "PETITION_DEMO=true", "PETITION_ADMIN_KEY="+adminOfTests))
	dir := clientsPage(t, s.url)

	t.Run("graphql-ws.mjs with a key", func(t *testing.T) {
		t.Parallel()
		cmd := clientCommand(t, dir, "node", "graphql-ws.mjs")
		cmd.Env = append(cmd.Environ(), "PETITION_KEY="+adminOfTests)
		follow(t, cmd).awaitCounts(t, s.signPetitionOfPage(t), watchers["graphql-ws.mjs"]...)

		cmd = clientCommand(t, dir, "node", "graphql-ws.mjs")
		cmd.Env = append(cmd.Environ(), "PETITION_KEY=pe_nobody")
		if out, err := cmd.CombinedOutput(); string(out) != "closed with 4403\n" {
			t.Errorf("with a key that nobody has: %v\n%s", err, out)
		}
	})
	t.Run("graphql-sse.mjs in one connection", func(t *testing.T) {
		t.Parallel()
		s.testModesOfPage(t)
	})
	t.Run("apollo-list.mjs", func(t *testing.T) {
		t.Parallel()
		want := "5 petitions\n10 petitions\n15 petitions\n17 petitions\n"
		if got := outputOf(t, dir, "node", "apollo-list.mjs"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("codegen", func(t *testing.T) {
		t.Parallel()
		s.testCodegenOfPage(t, filepath.Join(dir, "codegen"))
	})
	t.Run("sign.mjs", func(t *testing.T) {
		t.Parallel()
		s.testSigningOfPage(t)
	})
}

// Whoever watches by a file of the page sees every signature, also after the server was restarted under them, after it
// was away for a while behind a proxy, and while it ends whatever has been open for long.
func TestClientsPageComesBack(t *testing.T) {
	t.Parallel()
	f := newFront(t, append(sqlite(t), "PETITION_DEMO=true"))
	f.unanswered = make(chan string, 1000)
	dir := clientsPage(t, f.url)
	browser := nodetest.Browser(t)
	outputOf(t, filepath.Join(dir, "relay"), "sh", "compile.sh")
	f.site.makeGenqlient(t, filepath.Join(dir, "genqlient"))

	programs := map[string]*watcher{}
	for name := range watchers {
		cmd := clientCommand(t, filepath.Join(dir, filepath.Dir(name)), "node", filepath.Base(name))
		switch name {
		case "eventsource.js":
			paste := filepath.Join(nodetest.Dir(t), "clients", "paste.mjs")
			cmd = clientCommand(t, dir, "node", paste, f.url, browser, name)
		case "genqlient/main.go":
			cmd = clientCommand(t, filepath.Join(dir, "genqlient"), "./client")
		}
		programs[name] = follow(t, cmd)
	}
	all := func(least int) {
		t.Helper()
		for name, p := range programs {
			p.awaitCounts(t, least, watchers[name]...)
		}
	}
	all(0)
	all(f.site.signPetitionOfPage(t))
	f.restart(t)
	all(f.site.signPetitionOfPage(t))
	f.site.stop()
	for late := time.After(time.Minute); ; {
		select {
		case request := <-f.unanswered:
			if request != "GET text/event-stream" { // that of a browser, which gives up after it
				continue
			}
		case <-late:
			t.Error("no EventSource has come back")
		}
		break
	}
	f.begin(t, func(c *settings.Config) { c.Limits.Age = time.Second })
	for range 3 { // they come back at different times, so that some have been closed before the others are there
		all(f.site.signPetitionOfPage(t))
	}
}

// The dashboard goes on without what was hidden, be it while it watches or while the server is restarted.
func TestDashboardOfPage(t *testing.T) {
	t.Parallel()
	f := newFront(t, append(sqlite(t), "PETITION_DEMO=true"))
	var found struct {
		Petitions struct{ Nodes []struct{ ID string } }
	}
	f.site.ask(t, "", `{ petitions(first: 100) { nodes { id } } }`, nil, &found)
	others := slices.DeleteFunc(found.Petitions.Nodes, func(n struct{ ID string }) bool { return n.ID == petitionOfPage })
	dashboard := follow(t, clientCommand(t, clientsPage(t, f.url), "node", "dashboard.mjs"))
	watches := func(least int) {
		t.Helper()
		dashboard.awaitCounts(t, least, watchers["dashboard.mjs"]...)
	}
	watches(0)
	f.site.hide(t, others[0].ID)
	watches(f.site.signPetitionOfPage(t))
	f.restart(t)
	watches(f.site.signPetitionOfPage(t))
	// Nobody tells it of this one: when it comes back, it is refused.
	f.aim(t, "http://127.0.0.1:1")
	f.proxy.CloseClientConnections()
	f.site.hide(t, others[1].ID)
	f.aim(t, f.site.url)
	watches(f.site.signPetitionOfPage(t))
}

// The page has no file that the tests above leave out.
func TestClientsPageIsChecked(t *testing.T) {
	t.Parallel()
	var got []string
	for _, found := range snippet.FindAllStringSubmatch(readText(t, "doc/clients.md"), -1) {
		got = append(got, found[1])
	}
	want := slices.Concat(slices.Collect(maps.Keys(watchers)), []string{
		"apollo-list.mjs", "sign.mjs",
		"codegen/codegen.ts", "codegen/operations.graphql", "codegen/page.ts",
		"genqlient/genqlient.yaml", "genqlient/make.sh", "genqlient/operations.graphql",
		"relay/Page.js", "relay/compile.sh", "relay/relay.config.json",
	})
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("doc/clients.md has the files %q, and those that are run are %q", got, want)
	}
	folder := t.TempDir()
	for _, command := range []string{"npm init -y", "npm pkg set type=module"} {
		contains(t, readText(t, "doc/clients.md"), "`"+command+"`")
		if _, err := exec.LookPath("npm"); err == nil {
			outputOf(t, folder, "sh", "-c", command)
		}
	}
	if text, err := os.ReadFile(filepath.Join(folder, "package.json")); err == nil {
		contains(t, string(text), `"type": "module"`) // as clientsPage writes it
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
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

// watcher is a program that watches the petition.
type watcher struct {
	lines   *bufio.Scanner
	printed strings.Builder
}

// follow runs a program until the test ends.
func follow(t *testing.T, cmd *exec.Cmd) *watcher {
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
	t.Cleanup(func() {
		_ = out.Close() // a program that is still printing must not wait for a reader
		_ = cmd.Cancel()
		<-ended
	})
	return &watcher{lines: bufio.NewScanner(out)}
}

// awaitCounts reads lines until there was one by each of the patterns whose count is at least so high.
func (w *watcher) awaitCounts(t *testing.T, least int, patterns ...string) {
	t.Helper()
	for left := slices.Clone(patterns); len(left) > 0; {
		if !w.lines.Scan() {
			t.Fatalf("no count of %d by %q in:\n%s", least, left, w.printed.String())
		}
		line := w.lines.Text()
		w.printed.WriteString(line + "\n")
		left = slices.DeleteFunc(left, func(pattern string) bool {
			found := regexp.MustCompile(pattern).FindStringSubmatch(line)
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
	forward.ErrorLog = log.New(io.Discard, "", 0) // at the end its client is gone
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			reserved.Add(1)
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	cmd := clientCommand(t, clientsPage(t, front.URL), "node", "graphql-sse.mjs")
	follow(t, cmd).awaitCounts(t, 0, watchers["graphql-sse.mjs"]...)
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
