package transport_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/coder/websocket"

	"petitiond/server/transport"
)

// escaped writes a text as JSON with an escape for each letter, as some clients do.
func escaped(text string) string {
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		out.WriteString(`\u`)
		out.WriteString(strconv.FormatInt(0x10000|int64(unit), 16)[1:])
	}
	return `"` + out.String() + `"`
}

// longest are texts of the largest size that a body has, in several scripts.
var longest = map[string]string{
	"ASCII": strings.Repeat("a", 50_000), "Cyrillic": strings.Repeat("Ж", 50_000), "Japanese": strings.Repeat("語", 50_000),
	"Emoji": strings.Repeat("🐝", 50_000), "Quotes": strings.Repeat(`"`, 50_000),
}

// measuring answers how many characters the variable has that came with a request.
func measuring() *stub {
	s := newStub()
	measure := func(_ context.Context, args map[string]any) (any, error) {
		name, _ := args["name"].(string)
		return len([]rune(name)), nil
	}
	s.resolvers["hello"] = measure
	return s
}

// TestLongestTexts sends the longest texts that a schema may allow over every protocol, however they are written.
func TestLongestTexts(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: measuring()})
	for name, text := range longest {
		plain, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for form, literal := range map[string]string{"plain": string(plain), "escaped": escaped(text)} {
			t.Run(name+" "+form, func(t *testing.T) {
				t.Parallel()
				body := `{"query":"query($n: String) { hello(name: $n) }","variables":{"n":` + literal + `},"extensions":{"operationId":"1"}}`
				const want = `{"data":{"hello":50000}}`
				if got := ask(t, http.MethodPost, server, body); got.body != want {
					t.Errorf("POST: %d %.200s", got.status, got.body)
				}
				chunked := request(t, http.MethodPost, server, io.MultiReader(strings.NewReader(body)))
				if got := do(t, chunked); got.body != want {
					t.Errorf("chunked: %d %.200s", got.status, got.body)
				}
				if got := ask(t, http.MethodPost, server, body, events); !strings.Contains(got.body, want) {
					t.Errorf("events: %d %.200s", got.status, got.body)
				}
				longOnStream(t, server, body, true)
				longOnStream(t, server, body, false)
				conn := open(t, server, `{}`)
				conn.SetReadLimit(1 << 20)
				for range 3 { // and again at once
					tell(t, conn, message{ID: "1", Type: "subscribe", Payload: json.RawMessage(body)})
					if got := hear(t, conn); got.Type != "next" || string(got.Payload) != want {
						t.Errorf("socket: %s %.200s", got.Type, got.Payload)
					}
					if got := hear(t, conn); got.Type != "complete" {
						t.Errorf("socket: %s", got.Type)
					}
				}
			})
		}
	}
}

// longOnStream sends a long operation beside a stream: before it is open, or behind.
func longOnStream(t *testing.T, server, body string, before bool) {
	t.Helper()
	token := ask(t, http.MethodPut, server, "").body
	send := func() {
		if got := ask(t, http.MethodPost, server, body, "X-GraphQL-Event-Stream-Token: "+token); got.status != http.StatusAccepted {
			t.Errorf("beside a stream: %d %.200s", got.status, got.body)
		}
	}
	if before {
		send()
	}
	lines := stream(t, request(t, http.MethodGet, server+"?token="+token, nil, events))
	if !before {
		send()
	}
	skim(t, lines, `data: {"id":"1","payload":{"data":{"hello":50000}}}`)
}

// The longest search fits into an address, in every script and however it is escaped.
func TestLongestSearchByGet(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: measuring()})
	for name, text := range longest {
		search := escaped(string([]rune(text)[:200]))
		parameters := url.Values{"query": {"query($n: String) { hello(name: $n) }"}, "variables": {`{"n":` + search + `}`}}
		if got := ask(t, http.MethodGet, server+"?"+parameters.Encode(), ""); got.body != `{"data":{"hello":200}}` {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

// TestLongRequestsAreBounded fills the memory for long requests: others are refused for a while, short ones are not,
// and when the long ones have gone there is room again.
func TestLongRequestsAreBounded(t *testing.T) {
	t.Parallel()
	s := measuring()
	s.sources["hello"] = func(ctx context.Context, _ map[string]any) (<-chan any, error) { return make(chan any), nil }
	// A quarter of it is for requests, and half of that for one address. A long one takes twice its bytes, and for a
	// moment twice as much where it goes on beside the request that brought it; then there is no room for the longer one.
	tr, server := serve(t, transport.Options{Schema: s, Authenticate: known, Memory: 4 * 900_000})
	long := `{"query":"{ hello }","extensions":{"note":"` + strings.Repeat("x", 100_000-60) + `"}}`
	subscription := strings.Replace(long, "{ hello }", "subscription { hello }", 1)
	longer := strings.Replace(long, `"note":"`, `"note":"`+strings.Repeat("x", 50_000), 1)
	refused := func() bool { return ask(t, http.MethodPost, server, longer).code() == "UNAVAILABLE" }
	short := func(while string) {
		t.Helper()
		if got := ask(t, http.MethodPost, server, hello); got.status != http.StatusOK {
			t.Errorf("while %s, a short request: %d %s", while, got.status, got.body)
		}
	}
	free := func(after string) {
		t.Helper()
		empty := func() bool { return tr.TakenByRequests() == 0 }
		eventually(t, "there is room after "+after, empty)
		if refused() {
			t.Errorf("after %s a long request is refused", after)
		}
		eventually(t, "that request has gone", empty)
	}
	// The probe must not come first: what it takes for a moment would be missing to what it is to show.
	held := func(what string, bytes int) {
		t.Helper()
		eventually(t, what+" takes room", func() bool { return tr.TakenByRequests() == int64(2*bytes) })
		if !refused() {
			t.Errorf("beside %s there is room", what)
		}
	}
	free("nothing")

	slow, end := io.Pipe()
	answered := make(chan reply)
	go func() {
		answered <- do(t, request(t, http.MethodPost, server, io.MultiReader(strings.NewReader(long[:90_000]), slow)))
	}()
	// It is chunked, and takes no more than it may need next.
	held("a body of unknown length", 128<<10)
	_, _ = io.WriteString(end, strings.Repeat(" ", 170_000))
	if got := <-answered; got.code() != "UNAVAILABLE" || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("a body that becomes longer than there is room for: %d %s", got.status, got.body)
	}
	_ = end.Close()
	free("a body of unknown length")

	slow, end = io.Pipe()
	slowly := request(t, http.MethodPost, server, io.MultiReader(strings.NewReader(long[:90_000]), slow))
	slowly.ContentLength = int64(len(long))
	go func() { answered <- do(t, slowly) }()
	held("a body", len(long))
	short("a body arrives")
	_, _ = io.WriteString(end, long[90_000:])
	_ = end.Close()
	if got := <-answered; got.body != `{"data":{"hello":0}}` {
		t.Errorf("the body that was slow: %d %s", got.status, got.body)
	}
	free("a body")

	watching, stop := context.WithCancel(t.Context())
	go func() {
		resp, err := http.DefaultClient.Do(request(t, http.MethodPost, server, strings.NewReader(subscription), events).WithContext(watching))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}()
	held("an event stream", len(subscription))
	short("an event stream is open")
	stop()
	free("an event stream")

	conn := open(t, server, `{}`)
	tell(t, conn, message{ID: "1", Type: "subscribe", Payload: json.RawMessage(subscription)})
	held("an operation over a socket", len(subscription))
	second := open(t, server, `{}`)
	tell(t, second, message{ID: "1", Type: "subscribe", Payload: json.RawMessage(longer)})
	if got := parting(t, second); got != websocket.StatusTryAgainLater {
		t.Errorf("a second socket with a long operation was closed with %d, want 1013", got)
	}
	tell(t, conn, subscribe("3", "{ hello }"))
	if got := hear(t, conn); got.ID != "3" || got.Type != "next" {
		t.Errorf("a short operation over a socket: %s %s", got.Type, got.Payload)
	}
	tell(t, conn, message{ID: "1", Type: "complete"})
	free("an operation over a socket")
	_ = conn.CloseNow()

	token := ask(t, http.MethodPut, server, "").body
	waiting := strings.Replace(long, `{"note"`, `{"operationId":"1","note"`, 1)
	bearing := "X-GraphQL-Event-Stream-Token: " + token
	if got := ask(t, http.MethodPost, server, waiting, bearing); got.status != http.StatusAccepted {
		t.Errorf("an operation that waits for its stream: %d %s", got.status, got.body)
	}
	held("an operation that waits for its stream", len(waiting))
	if got := ask(t, http.MethodDelete, server+"?operationId=1", "", bearing); got.status != http.StatusOK {
		t.Errorf("ended: %d %s", got.status, got.body)
	}
	free("an operation that waited for its stream")

	w, _, _ := knock(t, server)
	for _, step := range begun() {
		step(t, w)
	}
	half := `{"type":"ping"` + strings.Repeat(" ", 100_000)
	w.send(t, masked(beginText, half))
	held("half a message", len(half))
	other, _, _ := knock(t, server)
	for _, step := range begun(raw(masked(beginText, strings.Repeat(" ", 150_000))), closed(1013, "")) {
		step(t, other)
	}
	w.send(t, masked(endOf, `}`))
	hears(pongMessage)(t, w)
	free("a message")
	w.send(t, masked(beginText, half))
	held("half a message again", len(half))
	_ = w.conn.Close()
	free("a client that hung up")
}

// A long body or message may come as slowly as a short one, but not more slowly.
func TestLongRequestsMayTakeLonger(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Read = 2 * time.Second
	limits.Init = time.Second // how often connections are looked at
	_, server := serve(t, transport.Options{Schema: measuring(), Limits: limits})
	body := `{"query":"{ hello }","extensions":{"note":"` + strings.Repeat("x", 600_000) + `"}}`
	const pause = 250 * time.Millisecond
	began := time.Now()
	if got := do(t, request(t, http.MethodPost, server, &pacer{text: body, each: 40_000, pause: pause})); got.status != http.StatusOK {
		t.Errorf("a long body at the least pace: %d %s", got.status, got.body)
	}
	if took := time.Since(began); took <= limits.Read {
		t.Errorf("the body arrived within %s: this shows nothing", took)
	}
	slow, end := io.Pipe()
	t.Cleanup(func() { _ = end.Close() })
	go func() { _, _ = io.WriteString(end, body[:200_000]) }()
	if got := do(t, request(t, http.MethodPost, server, slow)); got.status != http.StatusRequestTimeout {
		t.Errorf("a body that stops on its way: %d %s", got.status, got.body)
	}

	w, _, _ := knock(t, server)
	for _, step := range begun() {
		step(t, w)
	}
	message := masked(wholeText, pingMessage+strings.Repeat(" ", 600_000))
	for len(message) > 0 {
		n := min(40_000, len(message))
		w.send(t, message[:n])
		message = message[n:]
		time.Sleep(pause)
	}
	hears(pongMessage)(t, w)
	w.send(t, masked(wholeText, pingMessage+strings.Repeat(" ", 600_000))[:200_000])
	closed(1008, "")(t, w)
}

// pacer reads a text in pieces, with a pause before each: for real, since the deadlines are those of connections.
type pacer struct {
	text  string
	each  int
	pause time.Duration
}

func (p *pacer) Read(into []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	time.Sleep(p.pause)
	n := copy(into, p.text[:min(p.each, len(p.text))])
	p.text = p.text[n:]
	return n, nil
}

// A client that sends long messages as fast as it can is sent away as soon as one that sends as many bytes in short
// ones.
func TestFloodOfLongMessages(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Messages = 1 // a second: even on a busy machine they arrive faster than that
	_, server := serve(t, transport.Options{Schema: measuring(), Limits: limits})
	conn := open(t, server, `{}`)
	long := []byte(`{"type":"ping"}` + strings.Repeat(" ", 700<<10))
	for range 10 {
		if conn.Write(t.Context(), websocket.MessageText, long) != nil {
			break
		}
	}
	if got := parting(t, conn); got != 4429 {
		t.Errorf("closed with %d, want 4429", got)
	}
}
