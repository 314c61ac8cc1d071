package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// program is a server in a process of its own. It keeps its address when it is killed and restarted.
type program struct {
	t       *testing.T
	on      ground
	address string
	wrap    func(*exec.Cmd) // can change the command before it starts
	log     *os.File
	process *os.Process // nil if it is not running
	ended   chan error
}

// serve starts a server until the test ends.
func (on ground) serve(t *testing.T) *program {
	t.Helper()
	return on.serveIn(t, func(*exec.Cmd) {})
}

func (on ground) serveIn(t *testing.T, wrap func(*exec.Cmd)) *program {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, on: on, wrap: wrap, address: freeAddress(t), log: log}
	t.Cleanup(p.end)
	p.start()
	return p
}

// start starts the server and returns when it is ready.
func (p *program) start() {
	p.t.Helper()
	c := p.on.command(context.Background(), p.t, "serve", "--listen", p.address)
	c.Stdout, c.Stderr = p.log, p.log
	p.wrap(c)
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.process, p.ended = c.Process, make(chan error, 1)
	go func() { p.ended <- c.Wait() }()
	p.ready()
}

func (p *program) ready() {
	p.t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); {
		if p.isReady() {
			return
		}
		select {
		case err := <-p.ended:
			p.process = nil
			p.t.Fatalf("the server ended at once: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	p.t.Fatalf("the server is not ready after %s", patience)
}

func (p *program) isReady() bool {
	response, err := client.Get("http://" + p.address + "/readyz")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// kill9 ends the server as a crash would.
func (p *program) kill9() {
	p.t.Helper()
	if err := p.process.Kill(); err != nil {
		p.t.Fatalf("the server had ended before it was killed: %v", err)
	}
	if err, ended := errors.AsType[*exec.ExitError](<-p.ended); !ended || err.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		p.t.Errorf("the server exited unexpectedly: %v", err)
	}
	p.process = nil
}

// terminate sends the server a SIGTERM, after which it must exit with code 0.
func (p *program) terminate() {
	p.t.Helper()
	if err := p.process.Signal(syscall.SIGTERM); err != nil {
		p.t.Errorf("the server had exited before it was terminated: %v", err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("the server's end: %v", err)
		}
	case <-time.After(40 * time.Second):
		p.t.Error("the server does not exit")
		_ = errors.Join(p.process.Kill(), <-p.ended) // there is nothing more to report
	}
	p.process = nil
}

// end ends the server, and prints its log if the test failed.
func (p *program) end() {
	defer p.log.Close()
	if p.process != nil {
		client.CloseIdleConnections() // the server would wait for a request on connections that never had one
		p.terminate()
	}
	if !p.t.Failed() {
		return
	}
	text, err := os.ReadFile(p.log.Name())
	p.t.Logf("log of the server at %s (%v):\n%s", p.address, err, text[max(0, len(text)-8000):])
}

// freeAddress returns an address with a port below those that the system assigns itself, so that no other connection
// can take it while the server is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if listener, err := net.Listen("tcp", address); err == nil && listener.Close() == nil {
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
