package main

import (
	"os"
	"path/filepath"
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
	s.prepareGenqlient(t, dir)
	outputOf(t, dir, "go", "run", ".", s.url)
}

// prepareGenqlient makes a module of a folder, with a client that its configuration makes of the server's contract.
func (s *site) prepareGenqlient(t *testing.T, dir string) {
	t.Helper()
	_, contract := s.get(t, "/schema.graphqls")
	put(t, filepath.Join(dir, "schema.graphqls"), []byte(contract))
	put(t, filepath.Join(dir, "go.mod"), []byte(readText(t, "../.ci/clients.mod")))
	put(t, filepath.Join(dir, "go.sum"), []byte(readText(t, "../.ci/clients.sum")))
	outputOf(t, dir, "go", "tool", "genqlient", "genqlient.yaml")
}

func put(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
