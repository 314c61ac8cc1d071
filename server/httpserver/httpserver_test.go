package httpserver_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"petitiond/server/httpserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long to wait for something that happens soon, on a busy machine.
const patience = 20 * time.Second

// house is a server that runs until its test ends.
type house struct {
	*httpserver.Server
	address string
	log     *text
	thrown  chan any
	end     func() error // what Serve returned
}

// text can be written and read concurrently.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *text) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *text) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// build serves a handler on the loopback. Each address is a client, unless o says otherwise.
func build(t *testing.T, h http.HandlerFunc, o httpserver.Options, wrap func(net.Listener) net.Listener) *house {
	t.Helper()
	s := &house{log: &text{}, thrown: make(chan any, 10)}
	o.Handler, o.Now, o.Logger = h, time.Now, slog.New(slog.NewTextHandler(s.log, nil))
	o.Panicked = func(_ context.Context, thrown any) { s.thrown <- thrown }
	if o.BodyTime == 0 {
		o.BodyTime = time.Minute
	}
	if o.AnswerTime == 0 {
		o.AnswerTime = time.Minute
	}
	if o.Connections == 0 {
		o.Connections = 100
	}
	if o.Client == nil {
		o.Client = func(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
	}
	s.Server = httpserver.New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	if wrap != nil {
		l = wrap(l)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	s.end = sync.OnceValue(func() error { return <-served })
	t.Cleanup(func() {
		_ = s.Close()
		if err := s.end(); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving ended with %v", err)
		}
	})
	return s
}

// client is one end of a connection.
type client struct {
	net.Conn
	in *bufio.Reader
}

func (s *house) dial(t *testing.T, from string) *client {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}).Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{conn, bufio.NewReader(conn)}
}

func (c *client) say(text string) *client {
	_, _ = io.WriteString(c, text) // what is not sent shows in the answer
	return c
}

// hear reads an answer and returns its status and text, or why there is none.
func (c *client) hear() string {
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return lost(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Sprintf("%d, then %s", response.StatusCode, lost(err))
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, body))
}

// gone reports whether the server has closed the connection without an answer.
func (c *client) gone() bool {
	_, err := c.in.ReadByte()
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func lost(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "silent"
	}
	return "closed"
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n" }

func post(path string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
}

// rooms are handlers: /held waits until it is released, /read reads the body, /taken takes the connection over.
type rooms struct {
	entered, release chan struct{}
	taken            chan net.Conn
}

func newRooms() *rooms {
	return &rooms{make(chan struct{}, 10), make(chan struct{}), make(chan net.Conn, 1)}
}

func (r *rooms) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch request.URL.Path {
	case "/held":
		r.entered <- struct{}{}
		<-r.release
		_, _ = io.WriteString(w, "held")
	case "/read":
		r.entered <- struct{}{}
		body, err := io.ReadAll(request.Body)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.WriteHeader(http.StatusRequestTimeout)
			return
		}
		_, _ = w.Write(body)
	case "/taken":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaken")
		}
		r.taken <- conn
	default:
		_, _ = io.WriteString(w, "here")
	}
}

// want compares an answer.
func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

const refused = "503 There are too many open connections."

// The connection that has waited longest is closed for a new one, whatever it waits for; one that the server is working
// on never is.
func TestLongestWaitingGivesWay(t *testing.T) {
	t.Parallel()
	r := newRooms()
	s := build(t, r.ServeHTTP, httpserver.Options{Connections: 4}, nil)
	working := s.dial(t, "127.0.0.1").say(get("/held"))
	<-r.entered
	body := s.dial(t, "127.0.0.1").say(post("/read"))
	<-r.entered
	silent := s.dial(t, "127.0.0.1")
	eventually(t, "three have a place", func() bool { return s.Open() == 3 })
	want(t, "a body", body.say("body").hear(), "200 body")
	s.waiting(t, 2)
	kept := s.dial(t, "127.0.0.1").say(get("/"))
	want(t, "one that is kept", kept.hear(), "200 here")
	s.waiting(t, 3)
	body.say(post("/read")) // again, so that now it has waited least
	<-r.entered

	first := s.dial(t, "127.0.0.1").say(get("/"))
	want(t, "a newcomer", first.hear(), "200 here")
	s.waiting(t, 3)
	if !silent.gone() {
		t.Error("the one that never said anything is still there")
	}
	want(t, "a second newcomer", s.dial(t, "127.0.0.1").say(get("/")).hear(), "200 here")
	if !kept.gone() {
		t.Error("the one that waits for a request has not gone as the second")
	}
	want(t, "the one whose body is on its way", body.say("body").hear(), "200 body")
	close(r.release)
	want(t, "the one at work", working.hear(), "200 held")
	if open := s.Open(); open != 4 {
		t.Errorf("%d connections are open, want 4", open)
	}
}

// A connection that comes while the server is working on all others is refused at once.
func TestRefused(t *testing.T) {
	t.Parallel()
	r := newRooms()
	s := build(t, r.ServeHTTP, httpserver.Options{Connections: 3, ConnectionsPerClient: 2}, nil)
	var working []*client
	for range 2 {
		working = append(working, s.dial(t, "127.0.0.2").say(get("/held")))
		<-r.entered
	}
	for range 3 {
		want(t, "a third of the same address", s.dial(t, "127.0.0.2").hear(), refused)
	}
	other := s.dial(t, "127.0.0.3").say(get("/held"))
	<-r.entered
	for range 3 {
		want(t, "one of another address, too many in all", s.dial(t, "127.0.0.3").hear(), refused)
	}
	close(r.release)
	for _, c := range append(working, other) {
		want(t, "one that is at work", c.hear(), "200 held")
	}
	eventually(t, "one waits for its next request", func() bool { return s.Waiting() > 0 })
	want(t, "one that comes afterwards", s.dial(t, "127.0.0.4").say(get("/")).hear(), "200 here")
	for _, line := range []string{
		"a client has reached the limit of connections per address", "the limit of connections is reached",
	} {
		if n := strings.Count(s.log.String(), line); n != 1 {
			t.Errorf("%q is logged %d times", line, n)
		}
	}
	if strings.Contains(s.log.String(), "127.0.0.") {
		t.Errorf("the log has addresses:\n%s", s.log)
	}
	if each, all := s.Limited(httpserver.PerClient), s.Limited(httpserver.OfAll); each != 3 || all < 3 {
		t.Errorf("%d connections were lost to the limit of a client, and %d to that of all, want 3 and 3 or more", each, all)
	}
}

// A client at its limit loses connections of its own, not those of others.
func TestClientsAreApart(t *testing.T) {
	t.Parallel()
	r := newRooms()
	s := build(t, r.ServeHTTP, httpserver.Options{Connections: 10, ConnectionsPerClient: 3}, nil)
	other := s.dial(t, "127.0.0.3").say(get("/"))
	want(t, "another", other.hear(), "200 here")
	var held []*client
	for range 20 {
		held = append(held, s.dial(t, "127.0.0.2"))
	}
	for i, c := range held[:17] {
		if !c.gone() {
			t.Fatalf("connection %d of 20 is still there", i)
		}
	}
	want(t, "the same client", s.dial(t, "127.0.0.2").say(get("/")).hear(), "200 here")
	want(t, "another, who was there before", other.say(get("/")).hear(), "200 here")
	if open := s.Open(); open != 4 {
		t.Errorf("%d connections are open, want 4", open)
	}
}

// A hijacked connection no longer has a place, nor a deadline.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	r := newRooms()
	s := build(t, r.ServeHTTP, httpserver.Options{Connections: 2, BodyTime: time.Second, AnswerTime: time.Second}, nil)
	c := s.dial(t, "127.0.0.1").say(post("/taken"))
	conn := <-r.taken
	want(t, "the one that is taken over", c.hear(), "200 taken")
	eventually(t, "its place is free", func() bool { return s.Open() == 0 })
	for range 5 {
		want(t, "another", s.dial(t, "127.0.0.1").say(get("/")).hear(), "200 here")
		eventually(t, "it waits for its next request", func() bool { return s.Waiting() == s.Open() })
	}
	want(t, "one whose time goes by", s.dial(t, "127.0.0.1").say(post("/read")).hear(), "408")
	if _, err := io.WriteString(conn, "more"); err != nil {
		t.Errorf("writing after the deadlines of requests: %v", err)
	}
	c.say("body")
	got := make([]byte, 4)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "body" {
		t.Errorf("reading after the deadlines of requests: %q %v", got, err)
	}
	if _, isTCP := conn.(*net.TCPConn); !isTCP {
		t.Errorf("the handler got a %T, which costs a goroutine", conn)
	}
	_ = conn.Close()
}

// waiting waits until so many connections wait for their clients.
func (s *house) waiting(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d connections wait", n), func() bool { return s.Waiting() == n })
}

// eventually asks until it is so: numbers of open connections change in goroutines of net/http.
func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so within %s: %s", patience, what)
		}
	}
}

// A stop waits for requests that the server is working on, and for nothing else.
func TestShutdown(t *testing.T) {
	t.Parallel()
	r := newRooms()
	s := build(t, r.ServeHTTP, httpserver.Options{}, nil)
	working := s.dial(t, "127.0.0.1").say(get("/held"))
	body := s.dial(t, "127.0.0.1").say(post("/read") + "bo")
	unread := s.dial(t, "127.0.0.1").say(post("/held"))
	for range 3 {
		<-r.entered
	}
	silent, half := s.dial(t, "127.0.0.1"), s.dial(t, "127.0.0.1").say("GET / HT")
	kept := s.dial(t, "127.0.0.1").say(get("/"))
	want(t, "one that is kept", kept.hear(), "200 here")
	again := s.dial(t, "127.0.0.1").say(get("/"))
	want(t, "one that is kept", again.hear(), "200 here")
	again.say("GET / HT")
	eventually(t, "all have come", func() bool { return s.Open() == 7 })

	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	for name, c := range map[string]*client{
		"silent": silent, "half a header": half, "kept": kept, "half of a second header": again,
	} {
		if !c.gone() {
			t.Errorf("%s: is still there", name)
		}
	}
	want(t, "half a body", body.hear(), "408")
	select {
	case err := <-ended:
		t.Errorf("the stop did not wait: %v", err)
	default:
	}
	close(r.release)
	want(t, "at work", working.hear(), "200 held")
	want(t, "at work, without its body", unread.hear(), "200 held")
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the stop still waits")
	}
}

// pipes is a listener whose connections have the clock of the test.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// If the server is working on nothing, a stop takes no time. Headers and bodies have their deadlines.
func TestTimes(t *testing.T) {
	t.Parallel()
	unfinished := map[string]string{
		"Silent": "", "HalfAHeader": "GET / HT", "NoBody": post("/read"), "HalfABody": post("/read") + "bo",
		"HalfASecondHeader": get("/") + "GET / HT", "Kept": get("/"),
		"Unexpected": "GET / HTTP/1.1\r\nHost: a\r\nExpect: b\r\nContent-Length: 4\r\n\r\n",
		"Asterisk":   "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n",
	}
	unlike := map[string]time.Duration{
		"NoBody": 7 * time.Second, "HalfABody": 7 * time.Second, "Kept": time.Minute, "Asterisk": 0,
	}
	for name, said := range unfinished {
		for _, stop := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/Stop=%v", name, stop), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r, l := &rooms{entered: make(chan struct{}, 10)}, make(pipes, 1)
					s := httpserver.New(httpserver.Options{
						Handler: r, BodyTime: 7 * time.Second, AnswerTime: time.Minute, Connections: 10, Now: time.Now,
						Logger: slog.New(slog.DiscardHandler),
					})
					go func() { _ = s.Serve(l) }()
					near, far := net.Pipe()
					l <- near
					go func() { _, _ = io.WriteString(far, said) }()
					began, ended := time.Now(), make(chan struct{})
					go func() {
						_, _ = io.Copy(io.Discard, far)
						close(ended)
					}()
					synctest.Wait()
					longest := 5 * time.Second
					if other, ok := unlike[name]; ok {
						longest = other
					}
					if stop {
						longest = 0
						if err := s.Shutdown(t.Context()); err != nil {
							t.Error(err)
						}
					}
					<-ended
					if took := time.Since(began); took < longest || took > longest+time.Second {
						t.Errorf("the connection ended after %s, want %s", took, longest)
					}
					_ = s.Close()
				})
			})
		}
	}
}

// The deadlines of a request and of its answer do not limit the handler in between.
func TestSlowHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := make(pipes, 1)
		s := httpserver.New(httpserver.Options{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				select {
				case <-time.After(time.Hour):
					_, _ = w.Write(append(body, "later"...))
				case <-r.Context().Done():
				}
			}),
			BodyTime: time.Second, AnswerTime: time.Second, Connections: 10, Now: time.Now,
			Logger: slog.New(slog.DiscardHandler),
		})
		go func() { _ = s.Serve(l) }()
		near, far := net.Pipe()
		l <- near
		c := &client{far, bufio.NewReader(far)}
		for range 2 { // on one connection
			want(t, "a slow handler", c.say(post("/")+"much").hear(), "200 muchlater")
			want(t, "a slow handler without a body", c.say(get("/")).hear(), "200 later")
		}
		_ = far.Close()
		_ = s.Close()
	})
}

// A client that does not read an answer of net/http itself is not waited for.
func TestRefusalThatNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := make(pipes, 1)
		s := httpserver.New(httpserver.Options{
			Handler: newRooms(), BodyTime: time.Second, AnswerTime: time.Second, Connections: 10, Now: time.Now,
			Logger: slog.New(slog.DiscardHandler),
		})
		go func() { _ = s.Serve(l) }()
		near, far := net.Pipe()
		l <- near
		_, _ = io.WriteString(far, "canary\r\n\r\n")
		time.Sleep(2 * time.Second)
		if open := s.Open(); open != 0 {
			t.Errorf("%d connections are open", open)
		}
		_ = far.Close()
		_ = s.Close()
	})
}

// A panic is reported once, and answered as far as that is still possible.
func TestPanics(t *testing.T) {
	t.Parallel()
	s := build(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/begun":
			_, _ = io.WriteString(w, strings.Repeat("x", 50_000)) // in chunks, the last of which is missing
		case "/taken":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Etag", `"canary"`)
		panic("canary")
	}, httpserver.Options{}, nil)
	for _, test := range []struct {
		text, want string
		told       bool
	}{
		{get("/"), "500 Something went wrong on our side.", true},
		{post("/"), "500 Something went wrong on our side.", true},
		{get("/begun"), "200, then closed", true},
		{get("/taken"), "closed", true},
		{get("/abort"), "closed", false},
	} {
		want(t, test.text, s.dial(t, "127.0.0.1").say(test.text).hear(), test.want)
		if !test.told {
			continue
		}
		select {
		case thrown := <-s.thrown:
			if thrown != "canary" {
				t.Errorf("%q: reported %v", test.text, thrown)
			}
		case <-time.After(patience):
			t.Errorf("%q: not reported", test.text)
		}
	}
	if len(s.thrown) > 0 || s.log.String() != "" {
		t.Errorf("reported %d more, and logged %q", len(s.thrown), s.log)
	}
}

// Mistakes of clients are not logged; those of handlers are errors, without values.
func TestComplaints(t *testing.T) {
	t.Parallel()
	s := build(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/twice":
			w.WriteHeader(http.StatusOK)
			w.WriteHeader(http.StatusTeapot)
		case "/length":
			w.Header().Set("Content-Length", "canary")
			w.WriteHeader(http.StatusOK)
		}
	}, httpserver.Options{}, nil)
	for text, status := range map[string]string{
		"\x16\x03\x01\x02\x00\x01\x00": "400", // TLS
		"GET / HTTP/1.1\r\n\r\n":       "400",
		"canary\r\n\r\n":               "400",
		get("/?a;b"):                   "200",
		post("/") + "canary":           "200",
	} {
		c := s.dial(t, "127.0.0.1").say(text)
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		if got := c.hear(); !strings.HasPrefix(got, status) {
			t.Errorf("%q: %s", text, got)
		}
	}
	for _, line := range []string{
		"http: TLS handshake error from 127.0.0.1:4711: canary", "http: URL query contains semicolon: canary", "canary",
		"http: Accept error: accept tcp 127.0.0.1:8080: canary; retrying in 5ms", // which the listener logs
	} {
		httpserver.Complain(slog.NewTextHandler(s.log, nil), line)
	}
	want(t, "the log of what clients do wrong", s.log.String(), "")
	httpserver.Complain(slog.NewTextHandler(s.log, nil), "http: panic serving 127.0.0.1:4711: canary\ngoroutine 7 [running]:")
	if log := s.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "panic serving") {
		t.Errorf("a panic outside of a handler: logged %q", log)
	}
	for path, line := range map[string]string{
		"/twice": "superfluous response.WriteHeader", "/length": "invalid Content-Length",
	} {
		s.dial(t, "127.0.0.1").say(get(path)).hear()
		for _, part := range []string{"level=ERROR", line, "httpserver_test.go"} {
			if log := s.log.String(); !strings.Contains(log, part) {
				t.Errorf("%s: logged %q", path, log)
			}
		}
	}
	if log := s.log.String(); strings.Contains(log, "canary") || strings.Contains(log, "127.0.0.1") {
		t.Errorf("the log has values: %q", log)
	}
}

// failing is a listener that cannot accept for a while.
type failing struct {
	net.Listener
	errs chan error
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: f.Addr(), Err: os.NewSyscallError("accept4", err)}
	default:
		return f.Listener.Accept()
	}
}

// If connections cannot be accepted, the server continues and logs an error, once. If descriptors are lacking, a
// connection that waits is closed.
func TestAcceptFails(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM} {
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			f := &failing{errs: make(chan error, 3)}
			r := newRooms()
			s := build(t, r.ServeHTTP, httpserver.Options{}, func(l net.Listener) net.Listener { f.Listener = l; return f })
			kept := s.dial(t, "127.0.0.1").say(get("/"))
			want(t, "one that is kept", kept.hear(), "200 here")
			s.waiting(t, 1)
			lacking := errno == syscall.EMFILE || errno == syscall.ENFILE
			f.errs <- errno
			if !lacking { // each time one connection is closed, which may be a new one
				f.errs <- errno
				f.errs <- errno
			}
			for range 3 {
				want(t, "a connection around the failures", s.dial(t, "127.0.0.1").say(get("/")).hear(), "200 here")
			}
			eventually(t, "the log has an error", func() bool { return s.log.String() != "" })
			log := s.log.String()
			if !strings.Contains(log, "level=ERROR") || !strings.Contains(log, errno.Error()) || strings.Count(log, "\n") != 1 {
				t.Errorf("logged %q", log)
			}
			if strings.Contains(log, "127.0.0.1") {
				t.Errorf("the log has an address: %q", log)
			}
			if lacking && !kept.gone() {
				t.Error("a connection that waits keeps its descriptor")
			}
		})
	}
}

// A client that reads nothing holds its connection only until the deadline of the answer, whatever the path.
func TestAnswersThatNobodyReads(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	s := build(t, func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		for {
			if _, err := w.Write(piece); err != nil {
				ended <- err
				return
			}
		}
	}, httpserver.Options{AnswerTime: 100 * time.Millisecond}, nil)
	s.dial(t, "127.0.0.1").say(get("/"))
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the answer is still being written")
	}
}

// served is a server whose connections have the clock of the test.
type served struct {
	*httpserver.Server
	pipes pipes
}

func (s *served) dial(t *testing.T) *client {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = far.Close() })
	s.pipes <- near
	synctest.Wait()
	return &client{far, bufio.NewReader(far)}
}

// serve starts a server within a test's bubble. Its paths are ways in which an answer can be left unread.
func serve(t *testing.T, o httpserver.Options) *served {
	t.Helper()
	large := strings.Repeat("x", 100_000)
	mux := http.NewServeMux()
	mux.HandleFunc("/Large", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, large) })
	mux.HandleFunc("/Pieces", func(w http.ResponseWriter, _ *http.Request) {
		for piece := large; piece != ""; piece = piece[100:] {
			_, _ = io.WriteString(w, piece[:100])
		}
	})
	mux.HandleFunc("/Small", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "small") })
	mux.HandleFunc("/Empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/Flushed", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "flu")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "shed")
	})
	mux.HandleFunc("/Hinted", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) })
	mux.HandleFunc("/Panic", func(w http.ResponseWriter, _ *http.Request) { panic("canary") })
	mux.HandleFunc("/later", func(w http.ResponseWriter, _ *http.Request) { // is at work before and after it writes
		time.Sleep(10 * time.Second)
		_, _ = io.WriteString(w, large)
		time.Sleep(10 * time.Second)
		_, _ = io.WriteString(w, "later")
	})
	o.Handler, o.BodyTime, o.Now, o.Logger = mux, time.Minute, time.Now, slog.New(slog.DiscardHandler)
	o.Panicked = func(context.Context, any) {}
	if o.AnswerTime == 0 {
		o.AnswerTime = time.Minute
	}
	s := &served{httpserver.New(o), make(pipes, 1)}
	go func() { _ = s.Serve(s.pipes) }()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var unreadAnswers = []string{"Large", "Pieces", "Small", "Empty", "Flushed", "Hinted", "Panic", "Missing"}

// said returns the request for an answer that nobody reads. More requests follow at once: they do not count as work
// either.
func said(name string) string { return strings.Repeat(get("/"+name), 3) }

// A client that does not read its answer counts as being waited for: of these, the one that has waited longest is
// closed for a new connection.
func TestUnreadAnswersGiveWay(t *testing.T) {
	t.Parallel()
	one := netip.MustParsePrefix("192.0.2.1/32")
	for limit, o := range map[string]httpserver.Options{
		"All": {Connections: 2},
		"Client": {
			Connections: 10, ConnectionsPerClient: 2, Client: func(netip.Addr) netip.Prefix { return one },
		},
	} {
		for _, name := range unreadAnswers {
			t.Run(limit+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := serve(t, o)
					first, second := s.dial(t), s.dial(t)
					go first.say(said(name))
					time.Sleep(time.Second)
					go second.say(said(name))
					time.Sleep(time.Second)
					newcomer := s.dial(t)
					go newcomer.say(get("/Small"))
					want(t, "a newcomer", newcomer.hear(), "200 small")
					synctest.Wait()
					want(t, "the one that has waited longest", first.hear(), "closed")
					if got := second.hear(); got == "closed" {
						t.Error("the other one was closed too")
					}
				})
			})
		}
	}
}

// A client that reads keeps its connection while the server is working, before, between and after its writes.
func TestReaderKeepsItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, httpserver.Options{Connections: 2})
		quick := s.dial(t)
		heard := make(chan string, 1)
		go func() { heard <- quick.say(get("/later")).hear() }()
		var last *client
		for range 15 { // each makes the one before go
			last = s.dial(t)
			go last.say(get("/Large"))
			time.Sleep(time.Second)
		}
		if answer := <-heard; !strings.HasSuffix(answer, "xlater") {
			t.Errorf("the one that reads got %d bytes", len(answer))
		}
		if answer := last.hear(); !strings.HasSuffix(answer, "xx") {
			t.Errorf("the last of the others got %d bytes", len(answer))
		}
	})
}

// An answer can be read for a moment before its connection is closed, however many new ones come.
func TestAnswerHasAMoment(t *testing.T) {
	t.Parallel()
	for _, name := range unreadAnswers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, httpserver.Options{Connections: 1})
				c := s.dial(t).say(get("/" + name))
				synctest.Wait() // until the answer is being sent: before that the connection only waits
				for range 3 {
					want(t, "a newcomer within the moment", s.dial(t).hear(), refused)
				}
				got := c.hear()
				if got == "103" {
					got = c.hear()
				}
				if got == "closed" {
					t.Error("the one whose answer had just begun had to go")
				}
				synctest.Wait()
				newcomer := s.dial(t)
				go newcomer.say(get("/Small"))
				want(t, "a newcomer when it is read", newcomer.hear(), "200 small")
			})
		})
	}
}

// A stop waits two seconds for a client that does not read, from the start of the stop or of the answer, but not beyond
// the deadline that the answer has anyway.
func TestStopWithUnreadAnswers(t *testing.T) {
	t.Parallel()
	times := map[string]time.Duration{"later": 12 * time.Second}
	for _, name := range unreadAnswers {
		times[name] = 2 * time.Second
	}
	for name, longest := range times {
		for _, answer := range []time.Duration{time.Minute, 1500 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/%s", name, answer), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := serve(t, httpserver.Options{Connections: 10, AnswerTime: answer})
					c := s.dial(t)
					go c.say(said(name))
					synctest.Wait()
					began := time.Now()
					time.AfterFunc(time.Minute, func() { _ = s.Close() })
					_ = s.Shutdown(t.Context())
					wanted := longest - 2*time.Second + min(answer, 2*time.Second)
					if name == "later" {
						wanted += 10 * time.Second // it goes on after it could not write
					}
					// net/http's Shutdown checks every half second.
					if took := time.Since(began); took < wanted || took > wanted+time.Second {
						t.Errorf("the stop took %s, want %s", took, wanted)
					}
				})
			})
		}
	}
}

// The answer to a request that the server is working on when a stop begins can still be read.
func TestStopWaitsForAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, httpserver.Options{Connections: 10})
		working, slow := s.dial(t).say(get("/later")), s.dial(t).say(get("/Large"))
		synctest.Wait()
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(t.Context()) }()
		time.Sleep(time.Second)
		if answer := slow.hear(); !strings.HasSuffix(answer, "xx") {
			t.Errorf("the one that began to read after a second got %d bytes", len(answer))
		}
		time.Sleep(10 * time.Second)
		if answer := working.hear(); !strings.HasSuffix(answer, "xlater") {
			t.Errorf("the one that was at work got %d bytes", len(answer))
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
