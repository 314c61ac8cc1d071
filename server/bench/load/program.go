package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"petitiond/server/secret"
)

// Program is a built program with a secret. Programs in one folder share the secret.
type Program struct {
	folder, name string
	settings     []string
}

// With returns the program with more settings, such as PETITION_DEMO=true.
func (p Program) With(settings ...string) Program {
	p.settings = slices.Concat(p.settings, settings)
	return p
}

// Build builds the program into a folder.
func Build(ctx context.Context, folder string) (Program, error) {
	return BuildOther(ctx, folder, "petitiond", "./server")
}

// BuildOther builds another program into a folder. It must accept the same settings and the command serve, and report
// its address in its log as petitiond does. Flags are those of go build.
func BuildOther(ctx context.Context, folder, name, source string, flags ...string) (Program, error) {
	return BuildIn(ctx, "", folder, name, source, flags...)
}

// BuildIn is BuildOther for a source in another tree of the project, such as that of an earlier version.
func BuildIn(ctx context.Context, tree, folder, name, source string, flags ...string) (Program, error) {
	p := Program{folder: folder, name: name}
	args := slices.Concat([]string{"build", "-o", p.path()}, flags, []string{source})
	build := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own folder
	build.Dir = tree
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return p, fmt.Errorf("building %s; run this from the root of the project: %w", name, err)
	}
	return p, nil
}

func (p Program) path() string { return filepath.Join(p.folder, p.name) }

func (p Program) secretFile() string { return filepath.Join(p.folder, "secret.key") }

// Keys returns the keys that the program uses.
func (p Program) Keys() (*secret.Keys, error) { return secret.LoadOrCreate(p.secretFile()) }

// Command returns a command of the program on a database. It has default settings, except that there are no limits per
// address. When ctx ends, it gets a SIGTERM.
func (p Program) Command(ctx context.Context, on Database, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, p.path(), args...) //nolint:gosec // built above
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PETITION_") })
	c.Env = append(c.Env, "PETITION_DATABASE_URL="+on.URL, "PETITION_SECRET_FILE="+p.secretFile(),
		"PETITION_LISTEN=127.0.0.1:0", "PETITION_RATE_LIMITS=off")
	c.Env = append(c.Env, p.settings...)
	return c
}

// Server is a program that serves.
type Server struct {
	Address string
	command *exec.Cmd
	read    chan struct{} // closed at the end of its log
}

// Serve starts a server and returns when it listens. Its warnings go to standard error.
func (p Program) Serve(ctx context.Context, on Database) (*Server, error) {
	s := &Server{command: p.Command(ctx, on, "serve"), read: make(chan struct{})}
	log, err := s.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	address := make(chan string, 1)
	go func() {
		defer close(s.read)
		follow(log, address)
	}()
	select {
	case s.Address = <-address:
		return s, nil
	case <-s.read:
		return nil, errors.Join(errors.New("the server did not start"), s.command.Wait())
	}
}

var (
	listening = regexp.MustCompile(`address=(\S+)`)
	trouble   = regexp.MustCompile(`level=(WARN|ERROR)`)
)

// follow reads a log to its end, and sends the address from the first line that has one.
func follow(log io.Reader, address chan<- string) {
	lines, started := bufio.NewScanner(log), false
	for lines.Scan() {
		line := lines.Text()
		if found := listening.FindStringSubmatch(line); found != nil && !started {
			address <- found[1]
			started = true
		} else if !started || trouble.MatchString(line) {
			fmt.Fprintln(os.Stderr, line)
		}
	}
	_, _ = io.Copy(io.Discard, log) // after a line that is too long, since a full pipe would block the server
}

// PID is the id of the server's process.
func (s *Server) PID() int { return s.command.Process.Pid }

// Stop sends the server a SIGTERM and waits for its end. It returns an error unless the server exits with code 0.
func (s *Server) Stop() error {
	_ = s.command.Process.Signal(syscall.SIGTERM) // if it has already ended, Wait reports how
	<-s.read
	if err := s.command.Wait(); err != nil {
		return fmt.Errorf("the server's end: %w", err)
	}
	return nil
}
