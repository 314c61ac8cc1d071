//go:build unix

package pgserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
)

// startTime bounds how long a start may take, crash recovery included.
const startTime = 30 * time.Second

// orphanTime bounds how long sessions that survived Kill may keep a new server from starting.
const orphanTime = 10 * time.Second

// errExited means that the server exited while it was starting.
var errExited = errors.New("PostgreSQL exited at once")

// Server is a PostgreSQL server that belongs to this process. Only URL may be called by several goroutines at once.
type Server struct {
	bin, base string
	user      *syscall.Credential
	pid       int // of the postmaster; 0 if it is not running

	janitor *exec.Cmd
	life    io.Closer // one end of a pipe: when it is closed, by us or by our death, the janitor cleans up
}

// New creates an empty server and starts it.
func New(ctx context.Context, options Options) (*Server, error) {
	bin, err := find(ctx)
	if err != nil {
		return nil, err
	}
	user, err := serverUser()
	if err != nil {
		return nil, err
	}
	base, err := makeBase(user)
	if err != nil {
		return nil, fmt.Errorf("create a folder for PostgreSQL: %w", err)
	}
	s := &Server{bin: bin, base: base, user: user}
	if err := s.startJanitor(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(base))
	}
	if err := s.create(ctx, options); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.launch(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// URL returns the address of a database of the server. The database postgres always exists.
func (s *Server) URL(name string) string {
	// Over a socket in the folder of the server: it needs no port, which another process could have taken.
	query := url.Values{"host": {s.base}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + name, RawQuery: query.Encode()}).String()
}

// Start restarts the server after Kill, and returns when it accepts connections.
func (s *Server) Start(ctx context.Context) error {
	for orphans := time.Now().Add(orphanTime); ; {
		err := s.launch(ctx)
		if !errors.Is(err, errExited) || time.Now().After(orphans) {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// Kill ends the server and its sessions as a crash would, with SIGKILL. Its data remains for Start.
func (s *Server) Kill(ctx context.Context) error {
	sessions, err := s.processes(ctx) // sessions could otherwise go on answering for a moment
	if err := errors.Join(err, s.end(syscall.SIGKILL)); err != nil {
		return err
	}
	for _, pid := range sessions {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end a session of PostgreSQL: %w", err)
		}
	}
	return nil
}

// processes returns the ids of all processes of the server except the postmaster.
func (s *Server) processes(ctx context.Context) ([]int, error) {
	pool, err := sql.Open("postgres", s.URL("postgres"))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	var pids pq.Int64Array
	err = pool.QueryRowContext(ctx, "SELECT array_agg(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()").Scan(&pids)
	if err != nil {
		return nil, fmt.Errorf("list the processes of PostgreSQL: %w", err)
	}
	sessions := make([]int, 0, len(pids))
	for _, pid := range pids {
		sessions = append(sessions, int(pid))
	}
	return sessions, nil
}

// Stop ends the server and removes all its files.
func (s *Server) Stop() error {
	err := s.end(syscall.SIGQUIT)
	return errors.Join(err, s.life.Close(), s.janitor.Wait())
}

// end sends the postmaster a signal and waits until it has exited.
func (s *Server) end(signal syscall.Signal) error {
	if s.pid == 0 {
		return nil
	}
	if err := syscall.Kill(s.pid, signal); err != nil {
		return fmt.Errorf("end PostgreSQL: %w", err)
	}
	_, err := wait(s.pid, 0)
	s.pid = 0
	return err
}

// startJanitor starts a shell that waits until this process closes a pipe or dies; then it stops the server if that is
// still running, and removes the folder. It has a process group of its own, or an interrupt at the terminal would end
// it first.
func (s *Server) startJanitor(ctx context.Context) error {
	const script = `cat >/dev/null; "$0/pg_ctl" stop -D "$1/data" -m immediate >/dev/null 2>&1; rm -rf "$1"`
	s.janitor = s.command(context.WithoutCancel(ctx), "/bin/sh", "-c", script, s.bin, s.base)
	life, err := s.janitor.StdinPipe()
	if err != nil {
		return err
	}
	s.life = life
	return s.janitor.Start()
}

// create creates the files of an empty server.
func (s *Server) create(ctx context.Context, options Options) error {
	// Without sync: nobody needs these files after a crash of the machine.
	initdb := s.command(ctx, filepath.Join(s.bin, "initdb"),
		"--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--pgdata="+s.data())
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	// Appended, since of a setting that stands twice the last one counts.
	file, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set up PostgreSQL: %w", err)
	}
	_, err = file.WriteString(options.conf(s.base))
	return errors.Join(err, file.Close())
}

// launch starts the postmaster and waits until it accepts connections.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	log, err := os.OpenFile(filepath.Join(s.base, "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer log.Close()
	postgres := s.command(context.WithoutCancel(ctx), filepath.Join(s.bin, "postgres"), "-D", s.data())
	postgres.Stdout, postgres.Stderr = log, log
	if err := postgres.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.pid = postgres.Process.Pid
	// From now on, wait waits for the process by its id, which needs no goroutine.
	if err := postgres.Process.Release(); err != nil {
		return err
	}
	return s.ready(ctx)
}

// ready waits until the server accepts connections.
func (s *Server) ready(ctx context.Context) error {
	pool, err := sql.Open("postgres", s.URL("postgres"))
	if err != nil {
		return err
	}
	defer pool.Close()
	for pool.PingContext(ctx) != nil {
		if exited, err := wait(s.pid, syscall.WNOHANG); exited || err != nil {
			s.pid = 0
			return errors.Join(fmt.Errorf("%w: %s", errExited, s.lastWords()), err)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("PostgreSQL does not start: %w: %s", err, s.lastWords())
		}
	}
	return nil
}

// lastWords returns the end of the server's log, which tells why it does not start.
func (s *Server) lastWords() string {
	log, err := os.ReadFile(filepath.Join(s.base, "log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(log[max(0, len(log)-1000):]))
}

// data returns the folder of the server's data.
func (s *Server) data() string { return filepath.Join(s.base, "data") }

// command returns a command that runs as the server's user, in its folder, and without environment variables that are
// meant for another PostgreSQL.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.base
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.base, "LC_ALL=C", "TZ=UTC"}
	// A process group of its own: an interrupt at the terminal is meant for this process, which ends the server itself.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.user}
	return cmd
}

// wait reaps the process pid. With options 0 it waits for its end; with WNOHANG it reports whether it has ended.
func wait(pid, options int) (exited bool, err error) {
	for {
		got, err := syscall.Wait4(pid, nil, options, nil)
		if !errors.Is(err, syscall.EINTR) {
			return got == pid, err
		}
	}
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
