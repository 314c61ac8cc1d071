package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"petitiond/server/database"
)

// petitiond runs a command and gives what it printed.
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
	out, err = petitiond(t, nil, "help")
	if err != nil {
		t.Fatal(err)
	}
	for name := range commands() {
		contains(t, out, "petitiond "+name)
	}
	if _, err := petitiond(t, nil, "sevre"); err == nil {
		t.Error("want an error for a command that does not exist")
	}
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

func TestCommandFaults(t *testing.T) {
	t.Parallel()
	environment := []string{"PETITION_DATABASE_URL=sqlite:" + t.TempDir() + "/x.db", "PETITION_SECRET_FILE=" + t.TempDir() + "/key"}
	for _, args := range [][]string{
		{"hide"},
		{"hide", "nonsense"},
		{"hide", "UAGiBJTuBH8rh5z8XeOjupI"},
		{"key"},
		{"key", "create"},
		{"key", "create", "--name", "x", "--scope", "NONE"},
		{"key", "create", "--scope", "SIGN"},
		{"serve", "--nonsense"},
	} {
		if _, err := petitiond(t, environment, args...); err == nil {
			t.Errorf("petitiond %s: want an error", strings.Join(args, " "))
		}
	}
}

func TestSecondServeIsRefused(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/one.db"
	environment := []string{"PETITION_DATABASE_URL=sqlite:" + file, "PETITION_LISTEN=127.0.0.1:0", "PETITION_SECRET_FILE=" + t.TempDir() + "/key"}
	start(t, environment)
	config, _, err := Load(nil, environment)
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewApp(context.Background(), config, logger(config, &safeBuffer{}))
	if err == nil || !strings.Contains(err.Error(), database.ErrInUse.Error()) {
		t.Errorf("want %v, got %v", database.ErrInUse, err)
	}
}
