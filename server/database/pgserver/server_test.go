//go:build unix

package pgserver_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"petitiond/server/database/pgserver"
)

// asVictim makes the test program start a server, say where, and wait to be killed.
const asVictim = "PGSERVER_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv("PETITION_TEST_POSTGRES") == "off" {
		return
	}
	if os.Getenv(asVictim) != "" {
		beVictim()
	}
	os.Exit(m.Run())
}

func beVictim() {
	s, err := pgserver.New(context.Background(), pgserver.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.URL("postgres"))
	select {}
}

// open opens a database of the server.
func open(t *testing.T, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// folder returns where the server of an address keeps its files.
func folder(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("host")
}

func setting(t *testing.T, db *sql.DB, name string) (value string) {
	t.Helper()
	if err := db.QueryRow("SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestLife(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := pgserver.New(ctx, pgserver.Options{Durable: true, Settings: map[string]string{"work_mem": "7MB"}})
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, s.URL("postgres"))
	if got := setting(t, db, "work_mem"); got != "7MB" {
		t.Errorf("work_mem is %s, want the setting that was given", got)
	}
	if _, err := db.Exec("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(); err == nil {
		t.Error("the server answers after Kill")
	}
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow("SELECT n FROM kept").Scan(&n); err != nil || n != 1 {
		t.Errorf("after the crash: got %d, error %v; want the committed row", n, err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder(t, s.URL(""))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stop left the folder (%v)", err)
	}
}

func TestDurability(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Durable": "on", "Fast": "off"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := pgserver.New(t.Context(), pgserver.Options{Durable: name == "Durable"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			})
			db := open(t, s.URL("postgres"))
			for _, name := range []string{"fsync", "full_page_writes"} {
				if got := setting(t, db, name); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
		})
	}
}

func TestBrokenSettingIsReported(t *testing.T) {
	t.Parallel()
	_, err := pgserver.New(t.Context(), pgserver.Options{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v, want what the server's log says of the setting", err)
	}
}

// TestKilledOwner makes sure that nothing is left of a server whose owner had no time to stop it.
func TestKilledOwner(t *testing.T) {
	t.Parallel()
	victim := exec.CommandContext(t.Context(), os.Args[0])
	victim.Env = append(os.Environ(), asVictim+"=1")
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	if !said.Scan() {
		t.Fatal("the program that is to be killed did not start a server")
	}
	base := folder(t, said.Text())
	if _, err := os.Stat(filepath.Join(base, "data", "postmaster.pid")); err != nil {
		t.Fatal(err)
	}
	if err := victim.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // says that it was killed
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, err := os.Stat(base); errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the folder is still there")
		}
		time.Sleep(20 * time.Millisecond) // another process does the work; it has no way to tell us
	}
	if err := open(t, said.Text()).Ping(); err == nil {
		t.Error("the server still runs")
	}
}
