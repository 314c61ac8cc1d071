package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestCommitsAreSynced signs one at a time, so that each signature is a commit of its own, and looks whether the file
// was brought to disk before the answer.
func TestCommitsAreSynced(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("what a process asks of the disk is seen by strace, which is for Linux")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("this test needs strace: apt-get install strace")
	}
	on, trace := onSQLite(t), filepath.Join(t.TempDir(), "trace")
	server := on.serveIn(t, func(c *exec.Cmd) {
		c.Path = strace
		c.Args = append([]string{strace, "-D", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", trace}, c.Args...)
	})
	people := gather(t, server.open(), server)
	for range of(50, 500) {
		before := syncs(t, trace)
		people.person()
		if syncs(t, trace) == before {
			t.Fatal("a signature was acknowledged that is not on disk")
		}
	}
	audit(t, on, people)
}

// syncs counts the calls that strace saw end.
func syncs(t *testing.T, trace string) int {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("= 0\n"))
}

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	on := onSQLite(t)
	server := on.serve(t)
	petition := server.open()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := on.command(ctx, t, "serve", "--listen", "127.0.0.1:0").CombinedOutput() // one that serves would not end
	if err == nil || !strings.Contains(string(out), "another server already serves this SQLite file") {
		t.Errorf("a second server on the file: %v, and it says:\n%s", err, out)
	}
	people := gather(t, petition, server)
	people.person()
	audit(t, on, people)
}

func TestCommandBesideServer(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, on ground) {
		server := on.serve(t)
		petition := server.open()
		if !server.shows(petition) {
			t.Fatal("the petition cannot be seen before it is hidden")
		}
		if out, err := on.command(t.Context(), t, "hide", petition.id).CombinedOutput(); err != nil {
			t.Fatalf("hide: %v: %s", err, out)
		}
		for until := time.Now().Add(soon); server.shows(petition); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("a hidden petition is shown %s later", soon)
			}
		}
	})
}

// shows reports whether a petition can be seen.
func (p *program) shows(petition petition) bool {
	p.t.Helper()
	var out struct{ Petition json.RawMessage }
	p.ask("", `query($id: ID!) { petition(id: $id) { id } }`, map[string]any{"id": petition.id}, &out)
	return string(out.Petition) != "null"
}
