package faults

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"petitiond/server/database"
	"petitiond/server/database/pgserver"
	"petitiond/server/secret"
)

// ground is what a server needs: an empty database and a secret.
type ground struct {
	url, secret string
	direct      string // address of the database, not through a proxy
	shared      bool   // several servers can use it
}

// onEach runs f on both databases.
func onEach(t *testing.T, f func(t *testing.T, on ground)) {
	t.Helper()
	t.Run(database.SQLite.String(), func(t *testing.T) {
		t.Parallel()
		f(t, onSQLite(t))
	})
	t.Run(database.Postgres.String(), func(t *testing.T) {
		t.Parallel()
		f(t, onPostgres(t))
	})
}

func onSQLite(t *testing.T) ground {
	folder := t.TempDir()
	url := "sqlite:" + filepath.Join(folder, "petitions.db")
	return ground{url: url, direct: url, secret: filepath.Join(folder, "secret.key")}
}

// onPostgres returns a database of the server that the tests share.
func onPostgres(t *testing.T) ground {
	t.Helper()
	needPostgres(t)
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return onServer(t, server)
}

func needPostgres(t *testing.T) {
	t.Helper()
	if os.Getenv("PETITION_TEST_POSTGRES") == "off" {
		t.Skip("PETITION_TEST_POSTGRES=off")
	}
}

// durable returns a server of the test's own that may be killed: what it has committed is on the disk.
func durable(t *testing.T) *pgserver.Server {
	t.Helper()
	needPostgres(t)
	postgres, err := pgserver.New(t.Context(), pgserver.Options{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := postgres.Stop(); err != nil {
			t.Error(err)
		}
	})
	return postgres
}

// onServer returns a new database on a server.
func onServer(t *testing.T, server *pgserver.Server) ground {
	t.Helper()
	pool, err := sql.Open("postgres", server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	name := "faults_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := pool.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		t.Fatal(err)
	}
	url := server.URL(name)
	return ground{url: url, direct: url, secret: filepath.Join(t.TempDir(), "secret.key"), shared: true}
}

// onProxy returns the shared server's database behind a proxy.
func onProxy(t *testing.T) (ground, *proxy) {
	t.Helper()
	on := onPostgres(t)
	p := newProxy(t, on.direct)
	on.url = p.URL
	return on, p
}

// command returns a command of the program on this ground. It is killed when ctx ends.
func (on ground) command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PETITION_") })
	c.Env = append(c.Env, "PETITION_DATABASE_URL="+on.url, "PETITION_SECRET_FILE="+on.secret, "PETITION_RATE_LIMITS=off")
	return c
}

// open opens the database while servers may be using it.
func (on ground) open(t *testing.T) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), on.direct)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// keys returns the keys that the servers use.
func (on ground) keys(t *testing.T) *secret.Keys {
	t.Helper()
	keys, err := secret.Load(on.secret)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
