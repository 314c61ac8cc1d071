package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
	"petitiond/server/transport/nodetest"
)

// What most people would use against the server itself. The protocols are the same on every database, so one is enough.
func TestClients(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"graphql-ws", "graphql-sse", "apollo", "multipart", "urql", "codegen"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqlite(t))
			nodetest.Run(t, nil, "clients/"+program+".mjs", s.url)
		})
	}
}

// sqlite returns settings that lead to a fresh SQLite database.
func sqlite(t *testing.T) []string {
	t.Helper()
	return []string{
		"PETITION_LISTEN=127.0.0.1:0",
		"PETITION_DATABASE_URL=" + dbtest.URL(t, database.SQLite),
		"PETITION_SECRET_FILE=" + filepath.Join(t.TempDir(), "secret.key"),
		"PETITION_DRAIN=5s",
	}
}

// Clients whose server is stopped and started again, or whose connection is cut.
func TestClientsComeBack(t *testing.T) {
	t.Parallel()
	f := newFront(t, sqlite(t))
	nodetest.Run(t, f.orders, "clients/restart.mjs", f.url, f.control)
}

// Clients that keep objects by their ids, while petitions are signed and hidden.
func TestClientsCaches(t *testing.T) {
	t.Parallel()
	f := newFront(t, sqlite(t))
	nodetest.Run(t, f.orders, "clients/caches.mjs", f.url, f.control)
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	browser := nodetest.Browser(t)
	f := newFront(t, sqlite(t))
	open := start(t, append(sqlite(t), "PETITION_ALLOWED_ORIGINS=*"))
	nodetest.Run(t, f.orders, "clients/browser.mjs", f.url, f.control, browser, open.url)
}

// What genqlient generates from the contract compiles, and reads, signs and watches.
func TestGenqlient(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite(t))
	dir := t.TempDir()
	for name, source := range map[string]string{
		"genqlient.yaml":     "testdata/genqlient/genqlient.yaml",
		"main.go":            "testdata/genqlient/main.go",
		"operations.graphql": "transport/testdata/node/clients/operations.graphql",
	} {
		put(t, filepath.Join(dir, name), []byte(readText(t, source)))
	}
	s.makeGenqlient(t, dir)
	outputOf(t, dir, "./client", s.url)
}

// makeGenqlient makes a program of the files in a folder, by the commands of doc/clients.md.
func (s *site) makeGenqlient(t *testing.T, dir string) {
	t.Helper()
	for _, found := range snippet.FindAllStringSubmatch(readText(t, "doc/clients.md"), -1) {
		if found[1] == "genqlient/make.sh" {
			outputOf(t, dir, "sh", "-c", strings.ReplaceAll(found[2], "localhost:8080", strings.TrimPrefix(s.url, "http://")))
			return
		}
	}
	t.Fatal("doc/clients.md has no genqlient/make.sh")
}

func put(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
