package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/google/uuid"

	"petitiond/graph/scalar"
)

func (b *bench) secretFile() string { return filepath.Join(b.folder, "secret.key") }

func buildServer(ctx context.Context, folder string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(folder, "petitiond"), "./server") //nolint:gosec // our own folder
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the server; run this from the root of the project: %w", err)
	}
	return nil
}

// server is the whole program with one connection for each caller. The client is as lean as it can be: it
// shares the cores with the server.
type server struct {
	command *exec.Cmd
	conns   []*conn
	ids     []string
	n       atomic.Int64
}

type conn struct {
	net.Conn
	in *bufio.Reader
}

var listening = regexp.MustCompile(`address=(\S+)`)

func (b *bench) startServer(ctx context.Context, address string, petitions []uuid.UUID) (*server, error) {
	s := &server{command: exec.CommandContext(ctx, filepath.Join(b.folder, "petitiond"), "serve")} //nolint:gosec // built above
	s.command.Cancel = func() error { return s.command.Process.Signal(syscall.SIGTERM) }
	s.command.Env = append(os.Environ(), "PETITION_DATABASE_URL="+address, "PETITION_SECRET_FILE="+b.secretFile(),
		"PETITION_LISTEN=127.0.0.1:0", "PETITION_RATE_LIMITS=off")
	log, err := s.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	where, err := awaitAddress(log)
	if err != nil {
		return s, err
	}
	for range b.callers {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", where)
		if err != nil {
			return s, err
		}
		s.conns = append(s.conns, &conn{c, bufio.NewReader(c)})
	}
	for _, id := range petitions {
		s.ids = append(s.ids, scalar.NewID(scalar.Petition, id).String())
	}
	return s, nil
}

// awaitAddress reads the log until it says where the server listens, and goes on reading it.
func awaitAddress(log io.Reader) (string, error) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return found[1], nil
		}
	}
	return "", errors.New("the server did not start")
}

func (s *server) stop() {
	for _, c := range s.conns {
		_ = c.Close()
	}
	_ = s.command.Process.Signal(syscall.SIGTERM)
	_ = s.command.Wait()
}

const operation = `mutation Sign($input: SignPetitionInput!) { signPetition(input: $input) { status userErrors { code } } }`

func (s *server) sign(caller, petition int) error {
	n := s.n.Add(1)
	body, err := json.Marshal(map[string]any{"query": operation, "variables": map[string]any{"input": map[string]any{
		"petitionId": s.ids[petition], "name": "Signatory " + strconv.FormatInt(n, 10), "showName": true, "country": "EE",
		"email": "http-" + strconv.FormatInt(n, 10) + "@bench.example", "idempotencyKey": "0123456789abcdef" + strconv.FormatInt(n, 10),
	}}})
	if err != nil {
		return err
	}
	answer, err := s.conns[caller].post(body)
	if err == nil && !bytes.Contains(answer, []byte(`"COUNTED"`)) {
		err = fmt.Errorf("not counted: %.200s", answer)
	}
	return err
}

// post sends a body and reads the answer, whose length HTTP/1.1 tells.
func (c *conn) post(body []byte) ([]byte, error) {
	head := "POST /graphql HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	if _, err := c.Write(append([]byte(head), body...)); err != nil {
		return nil, err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		}
	}
	answer := make([]byte, length)
	_, err := io.ReadFull(c.in, answer)
	return answer, err
}
