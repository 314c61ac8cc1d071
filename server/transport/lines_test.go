package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"petitiond/server/eventmark"
	"petitiond/server/transport"
)

func TestSocketsAreLimited(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cause   string
		set     func(*transport.Limits)
		setting string // which the log names
	}{
		{"address", func(l *transport.Limits) { l.SocketsPerAddress = 3 }, "PETITION_MAX_SOCKETS_PER_ADDRESS"},
		{"all", func(l *transport.Limits) { l.Sockets = 3 }, "PETITION_MAX_SOCKETS "},
	}
	for _, test := range tests {
		t.Run(test.cause, func(t *testing.T) {
			t.Parallel()
			limits := transport.DefaultLimits()
			test.set(&limits)
			var log bytes.Buffer
			tr, server := serve(t, transport.Options{Limits: limits, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			var conns []*websocket.Conn
			for range 3 {
				conns = append(conns, open(t, server, `{}`))
			}
			if _, status := dial(t, server); status != http.StatusServiceUnavailable {
				t.Errorf("the fourth socket got %d, want 503", status)
			}
			if got := ask(t, http.MethodPost, server, query("subscription { hello }"), events); got.status != 503 || got.code() != "UNAVAILABLE" || got.header.Get("Retry-After") == "" {
				t.Errorf("a stream beside got %d %s, want 503", got.status, got.body)
			}
			if got := ask(t, http.MethodPost, server, query("{ hello }")); got.status != 200 {
				t.Errorf("a query got %d, want 200", got.status)
			}
			for range 3 {
				ask(t, http.MethodPut, server, "")
			}
			if got := ask(t, http.MethodPut, server, ""); got.status != http.StatusServiceUnavailable {
				t.Errorf("the fourth reservation got %d, want 503", got.status)
			}
			if n := tr.Refusals()[test.cause]; n != 3 {
				t.Errorf("%d refusals are counted, want 3", n)
			}
			if lines := log.String(); strings.Count(lines, test.setting) != 1 || strings.Count(lines, "\n") != 1 || strings.Contains(lines, "127.0.0.1") {
				t.Errorf("want one line that names the setting, and no address, got:\n%s", lines)
			}
			_ = conns[0].CloseNow()
			eventually(t, "the closed socket is counted out", func() bool { return tr.Open() == 2 })
			open(t, server, `{}`)
		})
	}
}

// eventually asks until it is so: what clients send and close arrives through the kernel.
func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so within 10 s: %s", what)
		}
	}
}

func TestMessageFlood(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.MessageBurst, limits.Messages = 10, 1
	_, server := serve(t, transport.Options{Limits: limits})
	conn := open(t, server, `{}`)
	for range 20 {
		if conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`)) != nil {
			break
		}
	}
	if got := parting(t, conn); got != 4429 {
		t.Errorf("closed with %d, want 4429", got)
	}
}

func TestOldSocketIsSentAway(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Age, limits.Init = time.Second, time.Second // the second is how often lines are looked at, too
	_, server := serve(t, transport.Options{Limits: limits})
	if got := parting(t, open(t, server, `{}`)); got != websocket.StatusGoingAway {
		t.Errorf("closed with %d, want 1001", got)
	}
}

// TestCredentialEnds lets a credential expire, and one hold that is prolonged.
func TestCredentialEnds(t *testing.T) {
	t.Parallel()
	var revoked atomic.Bool
	limits := transport.DefaultLimits()
	limits.Init = time.Second // how often lines are looked at, and how long one may take to begin
	end := time.Now().Add(200 * time.Millisecond)
	_, server := serve(t, transport.Options{
		Limits: limits, Schema: whoami(),
		Authenticate: func(ctx context.Context, bearer string) (context.Context, error) {
			if bearer == "short" && revoked.Load() {
				return nil, errors.New("expired")
			}
			return context.WithValue(ctx, actorKey{}, bearer), nil
		},
		Expires: func(context.Context) time.Time { return end },
	})
	short, long, nobody := open(t, server, `{"authorization":"Bearer short"}`), open(t, server, `{"authorization":"Bearer long"}`), open(t, server, `{}`)
	revoked.Store(true)
	if got := parting(t, short); got != 4403 {
		t.Errorf("an expired credential: closed with %d, want 4403", got)
	}
	for _, conn := range []*websocket.Conn{long, nobody} {
		tell(t, conn, subscribe("1", "{ hello }"))
		if m := hear(t, conn); m.Type != "next" {
			t.Errorf("got %s, want an answer", m.Type)
		}
	}
}

// TestFarewellIsSpread closes many sockets, each with 1001, and not all at once.
func TestFarewellIsSpread(t *testing.T) {
	t.Parallel()
	tr, server := serve(t, transport.Options{})
	const crowd = 20
	closed := make(chan time.Time, crowd)
	for range crowd {
		conn := open(t, server, `{}`)
		go func() {
			if got := parting(t, conn); got != websocket.StatusGoingAway {
				t.Errorf("closed with %d, want 1001", got)
			}
			closed <- time.Now()
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := tr.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	first := <-closed
	last := first
	for range crowd - 1 {
		last = <-closed
	}
	if spread := last.Sub(first); spread < 100*time.Millisecond {
		t.Errorf("all were closed within %s", spread)
	}
}

// TestResume comes back with the id of the last event.
func TestResume(t *testing.T) {
	t.Parallel()
	s := newStation()
	tr, server := serve(t, s.options())
	first := listen(t, t.Context(), server, `subscription { signatureCount(petitionId: "a") { total } }`)
	s.begun(t, 1)
	s.tell(t, "a", eventmark.Mark{Topic: "a", Version: 5}, 50)
	skim(t, first, "id: 5")
	stale := listen(t, t.Context(), server, `subscription { signatureCount(petitionId: "a") { total } }`, "Last-Event-ID: 4")
	skim(t, stale, "id: 5")
	fresh := listen(t, t.Context(), server, `subscription { signatureCount(petitionId: "a") { total } }`, "Last-Event-ID: 5")
	eventually(t, "all read the same", func() bool { return tr.Sharing() == 3 })
	s.tell(t, "a", eventmark.Mark{Topic: "a", Version: 6}, 60)
	for line := range fresh {
		if strings.HasPrefix(line, "id: ") {
			if line != "id: 6" {
				t.Errorf("who had version 5 was told %q", line)
			}
			break
		}
	}
}

// TestResumeWithAVersionThatIsNotThere comes back with ids that we have not sent, or not for what is there now: the
// database was restored, or the id is of another petition. The present value comes at once, and then all that follows,
// the version with that number included.
func TestResumeWithAVersionThatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"4", "999", "9223372036854775807", "9223372036854775808", "18446744073709551616", strings.Repeat("9", 200), "-3", "3.0", "three", "",
	} {
		t.Run("id "+id[:min(len(id), 25)], func(t *testing.T) {
			t.Parallel()
			s := newStation()
			_, server := serve(t, s.options())
			first := listen(t, t.Context(), server, `subscription { signatureCount(petitionId: "a") { total } }`)
			s.begun(t, 1)
			s.tell(t, "a", eventmark.Mark{Topic: "a", Version: 3}, 30)
			skim(t, first, "id: 3")
			again := listen(t, t.Context(), server, `subscription { signatureCount(petitionId: "a") { total } }`, "Last-Event-ID: "+id)
			skim(t, again, "id: 3")
			for version := int64(4); version <= 6; version++ {
				s.tell(t, "a", eventmark.Mark{Topic: "a", Version: version}, int(10*version))
				skim(t, again, fmt.Sprint("id: ", version))
			}
		})
	}
}

// skim reads lines up to one.
func skim(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the stream ended before %q", want)
			}
			if line == want {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no %q within 10 s", want)
		}
	}
}

// TestStream goes through the single connection mode of graphql-sse.
func TestStream(t *testing.T) {
	t.Parallel()
	s := newStation()
	tr, server := serve(t, s.options())
	token := ask(t, http.MethodPut, server, "")
	if token.status != http.StatusCreated || !strings.HasPrefix(token.header.Get("Content-Type"), "text/plain") || len(token.body) < 20 {
		t.Fatalf("reserved: %d %q", token.status, token.body)
	}
	bearing := "X-GraphQL-Event-Stream-Token: " + token.body
	operation := func(id, document string) string {
		return `{"query":"` + strings.ReplaceAll(document, `"`, `\"`) + `","extensions":{"operationId":"` + id + `"}}`
	}
	early := ask(t, http.MethodPost, server, operation("early", "{ hello }"), bearing)
	if early.status != http.StatusAccepted {
		t.Errorf("an operation before the stream is open: %d, want 202", early.status)
	}
	lines := stream(t, request(t, http.MethodGet, server+"?token="+token.body, nil, events))
	skim(t, lines, `data: {"id":"early","payload":{"data":{"hello":"world"}}}`)
	if again := ask(t, http.MethodGet, server, "", bearing, events); again.status != http.StatusConflict {
		t.Errorf("opened twice: %d, want 409", again.status)
	}
	steps := []struct {
		name, body string
		status     int
		code       string
	}{
		{"NoId", query("{ hello }"), 400, "BAD_REQUEST"},
		{"Invalid", operation("1", "{ nope }"), 200, "GRAPHQL_VALIDATION_FAILED"},
		{"Query", operation("1", "{ hello }"), 202, ""},
		{"Subscription", operation("2", `subscription { signatureCount(petitionId: "a") { total } }`), 202, ""},
	}
	for _, step := range steps {
		if got := ask(t, http.MethodPost, server, step.body, bearing); got.status != step.status || got.code() != step.code {
			t.Errorf("%s: %d %s, want %d %s", step.name, got.status, got.body, step.status, step.code)
		}
	}
	skim(t, lines, `data: {"id":"1","payload":{"data":{"hello":"world"}}}`)
	skim(t, lines, `data: {"id":"1"}`)
	s.begun(t, 1)
	if got := ask(t, http.MethodPost, server, operation("2", "{ hello }"), bearing); got.status != http.StatusConflict {
		t.Errorf("an id twice: %d, want 409", got.status)
	}
	s.tell(t, "a", eventmark.Mark{Topic: "a", Version: 1}, 5)
	skim(t, lines, `data: {"id":"2","payload":{"data":{"signatureCount":{"total":5}}}}`)
	if got := ask(t, http.MethodDelete, server+"?operationId=2", "", bearing); got.status != http.StatusOK {
		t.Errorf("ended: %d, want 200", got.status)
	}
	<-s.ended
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for range lines { // to its end
	}
}

// What waits for its stream can be ended before it is open, is there once, and is bounded in bytes.
func TestStreamBeforeItIsOpen(t *testing.T) {
	t.Parallel()
	_, server := serve(t, newStation().options())
	token := ask(t, http.MethodPut, server, "").body
	long := "{ hello } #" + strings.Repeat("x", 14<<10)
	steps := []struct {
		name, id, document string
		status             int
		code               string
	}{
		{"First", "1", "{ hello }", 202, ""},
		{"Twice", "1", "{ hello }", 409, "BAD_REQUEST"},
		{"Second", "2", "{ hello }", 202, ""},
		{"Long", "3", long, 202, ""},
		{"LongToo", "4", long, 202, ""},
		{"LongThree", "5", long, 202, ""},
		{"LongFour", "6", long, 202, ""},
		{"TooLong", "7", long, 200, "LIMIT_EXCEEDED"},
	}
	for _, step := range steps {
		if got := beside(t, server, token, step.id, step.document); got.status != step.status || got.code() != step.code {
			t.Errorf("%s: %d %s, want %d %s", step.name, got.status, got.body, step.status, step.code)
		}
	}
	for _, id := range []string{"1", "3", "4", "5", "6"} {
		if got := ask(t, http.MethodDelete, server+"?token="+token+"&operationId="+id, ""); got.status != http.StatusOK {
			t.Errorf("ended %s: %d %s", id, got.status, got.body)
		}
	}
	lines := stream(t, request(t, http.MethodGet, server+"?token="+token, nil, events))
	skim(t, lines, `data: {"id":"2"}`)
	if got := beside(t, server, token, "last", "{ hello }"); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for line := range lines {
		switch {
		case strings.HasPrefix(line, `data: {"id":"last"`):
			return
		case strings.HasPrefix(line, "data: ") && !strings.HasPrefix(line, `data: {"id":"2"`):
			t.Errorf("what was ended before the stream was open says %s", line)
		}
	}
}

// A stream that there is no room to open takes no operations any more, and those that waited for it never run.
func TestStreamThatIsNotOpened(t *testing.T) {
	t.Parallel()
	s := newStation()
	o := s.options()
	o.Limits = transport.DefaultLimits()
	o.Limits.Sockets = 1
	tr, server := serve(t, o)
	token := ask(t, http.MethodPut, server, "").body
	if got := beside(t, server, token, "1", watchA); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	conn := open(t, server, `{}`)
	if got := ask(t, http.MethodGet, server+"?token="+token, "", events); got.status != http.StatusServiceUnavailable {
		t.Errorf("opened: %d %s, want 503", got.status, got.body)
	}
	if got := beside(t, server, token, "2", watchA); got.status != http.StatusNotFound {
		t.Errorf("after that: %d %s, want 404", got.status, got.body)
	}
	_ = conn.CloseNow()
	eventually(t, "nothing is open", func() bool { return tr.Open() == 0 })
	if got := s.started.Load(); got != 0 {
		t.Errorf("executed %d times", got)
	}
	if got := ask(t, http.MethodPut, server, ""); got.status != http.StatusCreated {
		t.Errorf("another cannot be reserved: %d %s", got.status, got.body)
	}
}

// The client of an event stream has nothing to say: one that goes on saying it is left.
func TestStreamIsNotSentTo(t *testing.T) {
	t.Parallel()
	s := newStation()
	tr, server := serve(t, s.options())
	conn, err := net.Dial("tcp", strings.TrimPrefix(server, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := request(t, http.MethodPost, server, strings.NewReader(query(watchA)), events).Write(conn); err != nil {
		t.Fatal(err)
	}
	s.begun(t, 1)
	_ = conn.SetDeadline(time.Now().Add(patience))
	junk := make([]byte, 64<<10)
	for range 1000 {
		if _, err := conn.Write(junk); err != nil {
			break
		}
	}
	eventually(t, "the stream is gone", func() bool { return tr.Open() == 0 })
}
