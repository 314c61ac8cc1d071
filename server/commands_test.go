package main

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/settings"
)

// petitiond runs a command and returns its output.
func petitiond(t *testing.T, environment []string, args ...string) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	err := run(t.Context(), args, environment, &out, &log)
	return out.String(), err
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	out, err := petitiond(t, nil, "version")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, "petitiond ", "commit ", "go1.")
	if flag, err := petitiond(t, nil, "--version"); flag != out || err != nil {
		t.Errorf("--version: %q, %v", flag, err)
	}
	out, err = petitiond(t, nil, "help")
	if err != nil {
		t.Fatal(err)
	}
	for name := range commands() {
		contains(t, out, "petitiond "+name)
	}
	contains(t, out, "[127.0.0.1:8080; in production :8080]\n", "[unset; must be set in production]\n", " [10m]\n")
	for _, markdown := range []string{"`", "]("} {
		if strings.Contains(out, markdown) {
			t.Errorf("the help has %q in it:\n%s", markdown, out)
		}
	}
	for _, args := range [][]string{{"--help"}, {"recount", "-h"}, {"key", "create", "--help"}} {
		if got, err := petitiond(t, nil, args...); got != out || err != nil {
			t.Errorf("%v: %v, %s", args, err, got)
		}
	}
}

// A command line that makes no sense does nothing. The error names what is wrong, without values, and the right usage.
func TestMisuse(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/none.db"
	environment := []string{"PETITION_DATABASE_URL=sqlite:" + file, "PETITION_SECRET_FILE=" + t.TempDir() + "/key"}
	type lines struct{ args, fault, usage string }
	list := []lines{
		{"sevre", `there is no command "sevre"`, seeHelp},
		{"key make", `there is no command "key make"`, "usage: petitiond key create --name"},
		{"mail", "petitiond mail needs another argument", "usage: petitiond mail test ADDRESS"},
		{"mail test", "petitiond mail needs another argument", "usage: petitiond mail test ADDRESS"},
		{"mail send ada@example.org", `there is no command "mail send"`, "usage: petitiond mail test ADDRESS"},
		{"mail test ada@example.org now", `petitiond mail does not take the argument "now"`, "usage: petitiond mail test ADDRESS"},
		{"key create now --name x", `petitiond key create does not take the argument "now"`, "usage: petitiond key create --name"},
		{"key create --named x", "there is no flag --named; settings", "usage: petitiond key create --name"},
		{"key create", "The name must have", "usage: petitiond key create --name"},
		{"key create --scope SIGN", "The name must have", "usage: petitiond key create --name"},
		{"key create --name x", "Give at least one scope of SIGN, READ_SIGNATURES,", "usage: petitiond key create --name"},
		{"key create --name x --scope read", "There is no such scope; the scopes are SIGN, READ_SIGNATURES, ", "usage: petitiond key create --name"},
		{"key create --name x --scope ADMIN --scope canary", "There is no such scope; the scopes are SIGN, ", "usage: petitiond key create --name"},
		{"key", "petitiond key needs another argument", "usage: petitiond key create --name"},
		{"hide", "petitiond hide needs another argument", "usage: petitiond hide ID"},
		{"hide a b", `petitiond hide does not take the argument "b"`, "usage: petitiond hide ID"},
		{"hide a --env development b", `petitiond hide does not take the argument "b"`, "usage: petitiond hide ID"},
		{"--env development recount", `the command comes first: petitiond recount, and then its flags`, "usage: petitiond recount"},
		{"--env=development key create", `the command comes first: petitiond key, and then its flags`, "usage: petitiond key create"},
		{"--env development elsewhere", `petitiond serve does not take the argument "elsewhere"`, "usage: petitiond serve"},
		{"recount --lisen=canary", "there is no flag --lisen", seeHelp},
		{"recount --listen", "the flag --listen needs a value", seeHelp},
		{"recount --=canary", "a flag is written --name value", seeHelp},
	}
	for name, c := range commands() {
		if !c.ownFlags && c.args == 0 {
			list = append(list, lines{name + " now", "petitiond " + name + ` does not take the argument "now"`, "usage: petitiond " + name})
		}
	}
	for _, test := range list {
		_, err := petitiond(t, environment, strings.Fields(test.args)...)
		if err == nil || status(err) != 2 {
			t.Errorf("petitiond %s ends with %v, want status 2", test.args, err)
			continue
		}
		fault, usage, _ := strings.Cut(err.Error(), "\n")
		if !strings.HasPrefix(fault, test.fault) || !strings.HasPrefix(usage, test.usage) || strings.Contains(err.Error(), "canary") {
			t.Errorf("petitiond %s says %q, want %q and %q", test.args, err, test.fault, test.usage)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a database")
	}
	if _, err := petitiond(t, environment, "hide", "nonsense"); status(err) != 1 {
		t.Errorf("%v is taken for misuse", err)
	}
}

// Commands change the site that their settings name. Where there is none they make none, and say so.
func TestCommandsMakeNoSite(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		environment = empty(t, environment)
		key := setTo(t, environment, "PETITION_SECRET_FILE")
		refuse := func(setting string) {
			t.Helper()
			for _, args := range []string{"recount", "hide x", "key create --name x --scope ADMIN", "mail test ada@example.org"} {
				out, err := petitiond(t, environment, strings.Fields(args)...)
				if out != "" || err == nil || !strings.HasPrefix(err.Error(), setting+": there is no") || !strings.HasSuffix(err.Error(), noSite) {
					t.Errorf("petitiond %s printed %q and ended with %v", args, out, err)
				}
			}
			if _, err := os.Stat(key); err == nil {
				t.Error("there is a secret")
			}
		}
		refuse("PETITION_DATABASE_URL")
		if file, ok := strings.CutPrefix(setTo(t, environment, "PETITION_DATABASE_URL"), "sqlite:"); ok {
			if _, err := os.Stat(filepath.Dir(file)); err == nil {
				t.Error("there is a folder")
			}
		}
		if out, err := petitiond(t, environment, "migrate"); err != nil || !strings.HasPrefix(out, "applied 00001") {
			t.Fatalf("%q, %v: something was migrated before", out, err)
		}
		refuse("PETITION_SECRET_FILE")
	})
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	environment := []string{"PETITION_DATABASE_URL=sqlite:" + t.TempDir() + "/new.db", "PETITION_SECRET_FILE=" + t.TempDir() + "/key"}
	first, err := petitiond(t, environment, "migrate")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, first, "applied 00001")
	second, err := petitiond(t, environment, "migrate")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, second, "nothing to apply")
}

// Commands work beside a server, which sees what they did.
func TestCommandsBesideServer(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		if _, err := petitiond(t, environment, "demo"); err != nil {
			t.Fatal(err)
		}
		if _, err := petitiond(t, environment, "demo"); err == nil {
			t.Error("want an error for demo content in a database that is not empty")
		}
		seed := s.seed(t)
		watched := s.subscribe(t, seed.ID)
		<-watched
		if _, err := petitiond(t, environment, "hide", seed.ID); err != nil {
			t.Fatal(err)
		}
		for range watched {
		}
		if again := s.seed(t); again != nil {
			t.Errorf("want nothing of a hidden petition, got %+v", again)
		}

		bearer, err := petitiond(t, environment, "key", "create", "--name", "desk", "--scope", "ADMIN")
		if err != nil {
			t.Fatal(err)
		}
		out := struct{ Petition *struct{ State string } }{}
		s.ask(t, strings.TrimSpace(bearer), `query($id: ID) { petition(id: $id) { state } }`, map[string]any{"id": seed.ID}, &out)
		if out.Petition == nil || out.Petition.State != "HIDDEN" {
			t.Errorf("want the admin's key to see a hidden petition, got %+v", out.Petition)
		}
	})
}

// A petition is hidden by its id, its slug or a former one, and the log of the command has who did it.
func TestHideAndKeyLeaveATrace(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, environment)
		for i, name := range []func(id, slug, former string) string{
			func(id, _, _ string) string { return id },
			func(_, slug, _ string) string { return slug },
			func(_, _, former string) string { return former },
		} {
			id, token := s.open(t)
			former := s.slug(t, id)
			s.edit(t, token, id, 2, fmt.Sprintf(`title: "Even more trees %d"`, i))
			slug := s.slug(t, id)
			lines := traced(t, append(environment, "SUDO_USER=ann"), "hide", name(id, slug, former))
			contains(t, lines, `msg="a petition was hidden"`, "petition="+id, "was=OPEN", `by="ann as `)
			if strings.Contains(lines, slug) {
				t.Errorf("the trace has words of the title: %s", lines)
			}
			if page := s.page(t, "/p/"+slug); page.status != http.StatusNotFound {
				t.Errorf("the page of a hidden petition: %d", page.status)
			}
			if out, err := petitiond(t, environment, "hide", slug); out != id+" is hidden\n" || err != nil {
				t.Errorf("hide prints %q, %v", out, err)
			}
			if again := traced(t, environment, "hide", slug); strings.Contains(again, "was hidden") {
				t.Errorf("hidden again: %s", again)
			}
		}
		lines := traced(t, environment, "key", "create", "--name", "canary desk", "--scope", "ADMIN", "--scope", "SIGN")
		contains(t, lines, `msg="an API key was created"`, "key=", "ADMIN", "SIGN", " by=", "time=")
		if strings.Contains(lines, "canary") || strings.Contains(lines, "pk_") {
			t.Errorf("the trace has the key's name or the key: %s", lines)
		}
		for _, none := range []string{"no-such-petition", "Even-Less-Trees-0", "", "UAGiBJTuBH8rh5z8XeOjupI", "' OR 1=1"} {
			if _, err := petitiond(t, environment, "hide", none); err == nil || status(err) != 1 {
				t.Errorf("hide %q ends with %v, want status 1", none, err)
			}
		}
	})
}

// traced runs a command and returns its log.
func traced(t *testing.T, environment []string, args ...string) string {
	t.Helper()
	var out, log bytes.Buffer
	if err := run(t.Context(), args, environment, &out, &log); err != nil {
		t.Errorf("%v: %v", args, err)
	}
	return log.String()
}

func TestCommandFaults(t *testing.T) {
	t.Parallel()
	environment := []string{"PETITION_DATABASE_URL=sqlite:" + t.TempDir() + "/x.db", "PETITION_SECRET_FILE=" + t.TempDir() + "/key"}
	for _, args := range [][]string{
		{"hide", "nonsense"},
		{"hide", "UAGiBJTuBH8rh5z8XeOjupI"},
		{"key", "create"},
		{"key", "create", "--name", "x", "--scope", "NONE"},
		{"key", "create", "--scope", "SIGN"},
	} {
		_, err := petitiond(t, environment, args...)
		if want := map[string]int{"hide": 1, "key": 2}[args[0]]; err == nil || status(err) != want {
			t.Errorf("petitiond %s: %v, want the exit code %d", strings.Join(args, " "), err, want)
		}
	}
}

// A start whose address is taken does nothing to the database.
func TestTakenAddress(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	eachDatabase(t, func(t *testing.T, environment []string) {
		environment = empty(t, environment)
		for _, setting := range []string{"PETITION_LISTEN", "PETITION_METRICS_LISTEN"} {
			_, err := petitiond(t, append(environment, setting+"="+taken.Addr().String()), "serve")
			if err == nil || !strings.HasPrefix(err.Error(), setting+": ") {
				t.Errorf("want %s refused, got %v", setting, err)
			}
		}
		if out, err := petitiond(t, environment, "migrate"); err != nil || !strings.HasPrefix(out, "applied 00001") {
			t.Errorf("the database was migrated: %v, %s", err, out)
		}
	})
}

// knock asks an address until somebody answers, and returns how often nobody did. Once started is true somebody must.
func knock(t *testing.T, address string, started *atomic.Bool) (refused int) {
	t.Helper()
	for {
		must := started.Load() // before asking
		conn, err := net.DialTimeout("tcp", address, time.Second)
		switch {
		case err == nil:
			_ = conn.Close()
			return refused
		case must || !errors.Is(err, syscall.ECONNREFUSED):
			t.Errorf("a caller met %v", err)
			return refused
		}
		refused++
		time.Sleep(time.Millisecond) // a port that is not listened on tells nobody when it is
	}
}

// noticed is a connector that closes a channel when it is used for the first time.
type noticed struct {
	driver.Connector
	used func()
}

func (n noticed) Connect(ctx context.Context) (driver.Conn, error) {
	n.used()
	return n.Connector.Connect(ctx)
}

// Those who connect while a start works on the database are refused and do not wait for an answer.
func TestAddressIsClosedDuringMigration(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		free, err := net.Listen("tcp", "127.0.77.1:0") // where no other test takes the port meanwhile
		if err != nil {
			t.Fatal(err)
		}
		address := free.Addr().String()
		if err := free.Close(); err != nil {
			t.Fatal(err)
		}
		config, _, err := settings.Load(nil, with(empty(t, environment), "PETITION_LISTEN", address))
		if err != nil {
			t.Fatal(err)
		}
		begun := make(chan struct{}) // the work on the database: before it the address is tried for a moment
		used := sync.OnceFunc(func() { close(begun) })
		config.Database.Wrap = func(c driver.Connector) driver.Connector { return noticed{c, used} }
		var started atomic.Bool
		refused, pending := make(chan int), -1
		go func() {
			<-begun
			n := knock(t, address, &started)
			if db, err := database.Open(context.Background(), config.DatabaseURL); err != nil {
				t.Errorf("when somebody answers, the database is not there: %v", err)
			} else {
				list, err := db.Pending(context.Background())
				pending = len(list)
				if err := errors.Join(err, db.Close()); err != nil {
					t.Error(err)
				}
			}
			refused <- n
		}()
		app, err := NewApp(t.Context(), config, logger(config, &safeBuffer{}))
		started.Store(true)
		if err != nil {
			t.Fatal(err)
		}
		defer app.Close()
		if n := <-refused; n == 0 || pending != 0 || app.Address() != address {
			t.Errorf("%d callers were refused, %d migrations were missing when one was not, and it listens on %s, want %s",
				n, pending, app.Address(), address)
		}
	})
}

// empty returns settings that lead to the same database with nothing in it, or for SQLite to a new file.
func empty(t *testing.T, environment []string) []string {
	t.Helper()
	config, _, err := settings.Load(nil, environment)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(config.DatabaseURL, "sqlite:") {
		return with(environment, "PETITION_DATABASE_URL", "sqlite:"+t.TempDir()+"/new/site.db")
	}
	db, err := database.Open(t.Context(), config.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.ExecContext(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	return environment
}

func TestSecondServeIsRefused(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/one.db"
	environment := []string{"PETITION_DATABASE_URL=sqlite:" + file, "PETITION_LISTEN=127.0.0.1:0", "PETITION_SECRET_FILE=" + t.TempDir() + "/key"}
	start(t, environment)
	config, _, err := settings.Load(nil, environment)
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewApp(context.Background(), config, logger(config, &safeBuffer{}))
	if err == nil || !strings.Contains(err.Error(), database.ErrInUse.Error()) {
		t.Errorf("want %v, got %v", database.ErrInUse, err)
	}
}
