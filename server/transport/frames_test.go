package transport_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"petitiond/server/transport"
)

// patience is how long these tests wait for what must come.
const patience = 10 * time.Second

// First bytes of frames.
const (
	wholeText   = 0x81
	wholeBinary = 0x82
	wholeClose  = 0x88
	wholePing   = 0x89
	wholePong   = 0x8a
	beginText   = 0x01
	moreOf      = 0x00
	endOf       = 0x80
)

// rawClient is a client that speaks WebSocket by hand, so that it can break every
// rule.
type rawClient struct {
	conn    net.Conn
	in      *bufio.Reader
	closing bool // a close frame was sent
}

// knock opens a connection and does the handshake, without judging the
// answer. Headers are written "Name: value" and replace those of a good
// handshake; an empty value removes one.
func knock(t *testing.T, server string, headers ...string) (w *rawClient, status int, header http.Header) {
	t.Helper()
	address := strings.TrimPrefix(server, "http://")
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := request(t, http.MethodGet, server, nil, append([]string{
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: graphql-transport-ws",
	}, headers...)...)
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	w = &rawClient{conn: conn, in: bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(w.in, r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	_ = resp.Body.Close()
	return w, resp.StatusCode, resp.Header
}

// masked is a client's frame.
func masked(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

func (w *rawClient) send(t *testing.T, frames ...[]byte) {
	t.Helper()
	if _, err := w.conn.Write(slices.Concat(frames...)); err != nil {
		t.Fatal(err)
	}
}

// read returns the next frame, which must be one that a server may send.
func (w *rawClient) read(t *testing.T) (first byte, payload string) {
	t.Helper()
	_ = w.conn.SetDeadline(time.Now().Add(patience))
	var head [2]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		t.Fatalf("read a frame: %v", err)
	}
	if head[1]&0x80 != 0 {
		t.Fatal("a server's frame is masked")
	}
	size := uint64(head[1])
	extended := map[uint64]int{126: 2, 127: 8}[size]
	if extended > 0 {
		var length [8]byte
		if _, err := io.ReadFull(w.in, length[8-extended:]); err != nil {
			t.Fatalf("read a length: %v", err)
		}
		size = binary.BigEndian.Uint64(length[:])
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(w.in, body); err != nil {
		t.Fatalf("read a payload: %v", err)
	}
	return head[0], string(body)
}

// gone waits until the server has closed the connection.
func (w *rawClient) gone(t *testing.T) {
	t.Helper()
	_ = w.conn.SetDeadline(time.Now().Add(patience))
	_, err := w.in.ReadByte()
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the close frames: %v, want the end", err)
	}
}

// step is one thing that a client does, or waits for.
type step func(t *testing.T, w *rawClient)

// raw sends frames in one write.
func raw(frames ...[]byte) step {
	return func(t *testing.T, w *rawClient) { t.Helper(); w.send(t, frames...) }
}

// say sends a text message.
func say(text string) step { return raw(masked(wholeText, text)) }

// leave sends a close frame.
func leave(payload string) step {
	return func(t *testing.T, w *rawClient) {
		t.Helper()
		w.closing = true
		w.send(t, masked(wholeClose, payload))
	}
}

// hears waits for a text message that says the same as want, a JSON object.
func hears(want string) step {
	return func(t *testing.T, w *rawClient) {
		t.Helper()
		first, payload := w.read(t)
		if first != wholeText {
			t.Fatalf("got frame %#x %q, want text %s", first, payload, want)
		}
		if diff := cmp.Diff(decoded(t, want), decoded(t, payload)); diff != "" {
			t.Fatalf("message (-want +got):\n%s", diff)
		}
	}
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// failed waits for an error message with one error of that code.
func failed(id, code string) step {
	return func(t *testing.T, w *rawClient) {
		t.Helper()
		first, payload := w.read(t)
		var m struct {
			ID, Type string
			Payload  json.RawMessage
		}
		_ = json.Unmarshal([]byte(payload), &m)
		var errs gqlerror.List
		_ = json.Unmarshal(m.Payload, &errs)
		if first != wholeText || m.Type != "error" || m.ID != id || len(errs) != 1 || errs[0].Message == "" || errs[0].Extensions["code"] != code {
			t.Fatalf("got frame %#x %s, want an error for %s with the code %s", first, payload, id, code)
		}
	}
}

// framed waits for a control frame.
func framed(first byte, payload string) step {
	return func(t *testing.T, w *rawClient) {
		t.Helper()
		if gotFirst, got := w.read(t); gotFirst != first || got != payload {
			t.Fatalf("got frame %#x %q, want %#x %q", gotFirst, got, first, payload)
		}
	}
}

// closed waits for a close frame, answers it and waits for the end. An empty
// reason is any.
func closed(code int, reason string) step {
	return func(t *testing.T, w *rawClient) { t.Helper(); part(t, w, code, reason, false) }
}

// closedSoon is closed, but messages may come before.
func closedSoon(code int, reason string) step {
	return func(t *testing.T, w *rawClient) { t.Helper(); part(t, w, code, reason, true) }
}

func part(t *testing.T, w *rawClient, code int, reason string, soon bool) {
	t.Helper()
	first, payload := w.read(t)
	for soon && first == wholeText {
		first, payload = w.read(t)
	}
	got := 1005
	if len(payload) >= 2 {
		got = int(binary.BigEndian.Uint16([]byte(payload)))
		payload = payload[2:]
	}
	if first != wholeClose || got != code || reason != "" && payload != reason {
		t.Fatalf("got frame %#x %d %q, want a close with %d %q", first, got, payload, code, reason)
	}
	if !w.closing {
		// It may be gone already if what it read was beyond repair.
		_, _ = w.conn.Write(masked(wholeClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))))
	}
	w.gone(t)
}

// steps joins steps.
func steps(all ...[]step) []step { return slices.Concat(all...) }

const (
	initMessage = `{"type":"connection_init"}`
	ackMessage  = `{"type":"connection_ack"}`
	pingMessage = `{"type":"ping"}`
	pongMessage = `{"type":"pong"}`
)

// begun opens the connection of the protocol.
func begun(more ...step) []step { return append([]step{say(initMessage), hears(ackMessage)}, more...) }

// quiet shows that the server has nothing more to say.
func quiet() []step { return []step{say(pingMessage), hears(pongMessage)} }

// operate is a subscribe message.
func operate(id, document string) step {
	return say(fmt.Sprintf(`{"id":%q,"type":"subscribe","payload":%s}`, id, query(document)))
}

func next(id, payload string) step {
	return hears(fmt.Sprintf(`{"id":%q,"type":"next","payload":%s}`, id, payload))
}

func completed(id string) step { return hears(fmt.Sprintf(`{"id":%q,"type":"complete"}`, id)) }

// forever is a subscription that never says anything.
const forever = `subscription { signatureCount(petitionId: "1") { total } }`

// protocolSchema has a query and a mutation that say "world", a query that
// fails, a subscription of two events, and one of none.
func protocolSchema() *stub {
	schema := newStub()
	schema.resolvers["colour"] = func(context.Context, map[string]any) (any, error) {
		return nil, &gqlerror.Error{Message: "No such colour.", Extensions: map[string]any{"code": "NOT_FOUND"}}
	}
	schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) { return sent("a", "b"), nil }
	schema.sources["signatureCount"] = func(_ context.Context, args map[string]any) (<-chan any, error) {
		if args["petitionId"] == "none" {
			return nil, &gqlerror.Error{Message: "No such petition.", Extensions: map[string]any{"code": "NOT_FOUND"}}
		}
		return make(chan any), nil
	}
	return schema
}

// TestProtocol holds every clause of graphql-transport-ws, and of RFC 6455
// what is seen through it.
func TestProtocol(t *testing.T) {
	t.Parallel()
	world := `{"data":{"hello":"world"}}`
	tests := []struct {
		name  string
		steps []step
	}{
		// ConnectionInit and ConnectionAck.
		{"Ack", begun()},
		{"AckPayload", []step{say(`{"type":"connection_init","payload":{"a":1}}`), hears(ackMessage)}},
		{"AckNullPayload", []step{say(`{"type":"connection_init","payload":null}`), hears(ackMessage)}},
		{"InitTwice", begun(say(initMessage), closed(4429, "Too many initialisation requests"))},
		{"InitTwiceAtOnce", []step{raw(masked(wholeText, initMessage), masked(wholeText, initMessage)), closedSoon(4429, "Too many initialisation requests")}},
		{"InitTooLarge", []step{say(`{"type":"connection_init","payload":{"a":"` + strings.Repeat("x", 16<<10) + `"}}`), closed(4400, "")}},
		{"InitPayloadString", []step{say(`{"type":"connection_init","payload":"token"}`), closed(4400, "")}},
		{"BadCredential", []step{say(`{"type":"connection_init","payload":{"authorization":"Bearer bad"}}`), closed(4403, "Forbidden")}},

		// Subscribe.
		{"SubscribeFirst", []step{operate("1", "{ hello }"), closed(4401, "Unauthorized")}},
		{"SubscribeAtOnce", []step{raw(masked(wholeText, initMessage)), hears(ackMessage), operate("1", "{ hello }"), next("1", world), completed("1")}},
		{"Query", steps(begun(operate("1", "{ hello }"), next("1", world), completed("1")), quiet())},
		{"Mutation", steps(begun(operate("1", "mutation { touch }"), next("1", `{"data":{"touch":"world"}}`), completed("1")), quiet())},
		{"Subscription", steps(begun(operate("1", "subscription { hello }"), next("1", `{"data":{"hello":"a"}}`), next("1", `{"data":{"hello":"b"}}`), completed("1")), quiet())},
		{"Variables", begun(
			say(`{"id":"1","type":"subscribe","payload":{"query":"query A($n:String){hello(name:$n)} query B{x:hello}","operationName":"B","variables":{},"extensions":{}}}`),
			next("1", `{"data":{"x":"world"}}`), completed("1"))},
		{"VariablesNull", begun(
			say(`{"id":"1","type":"subscribe","payload":{"query":"{hello}","operationName":null,"variables":null,"extensions":null}}`),
			next("1", world), completed("1"))},
		{"SameIDWhileUnderWay", begun(operate("1", forever), operate("1", "{ hello }"), closed(4409, "Subscriber for 1 already exists"))},
		{"SameIDAtOnce", begun(raw(
			masked(wholeText, `{"id":"1","type":"subscribe","payload":`+query(forever)+`}`),
			masked(wholeText, `{"id":"1","type":"subscribe","payload":`+query(forever)+`}`),
		), closedSoon(4409, "Subscriber for 1 already exists"))},
		{"SameIDAfterComplete", begun(operate("1", "{ hello }"), next("1", world), completed("1"), operate("1", "{ hello }"), next("1", world), completed("1"))},
		{"SameIDAfterClientComplete", begun(operate("1", forever), say(`{"id":"1","type":"complete"}`), operate("1", "{ hello }"), next("1", world), completed("1"))},
		{"SameIDAfterError", begun(operate("1", "{ nope }"), failed("1", "GRAPHQL_VALIDATION_FAILED"), operate("1", "{ hello }"), next("1", world), completed("1"))},
		{"Interleaved", begun(operate("1", forever), operate("2", "{ hello }"), next("2", world), completed("2"), operate("3", "{ hello }"), next("3", world), completed("3"))},
		{"IDEscaped", begun(say(`{"id":"\u0031\"","type":"subscribe","payload":`+query("{ hello }")+`}`), next(`1"`, world), completed(`1"`))},
		{"IDLongest", begun(operate(strings.Repeat("x", 128), "{ hello }"), next(strings.Repeat("x", 128), world), completed(strings.Repeat("x", 128)))},
		{"IDTooLong", begun(operate(strings.Repeat("x", 129), "{ hello }"), closed(4400, ""))},

		// Next and Error.
		{"ResolverError", steps(begun(operate("1", "{ colour(in: RED) }"),
			next("1", `{"data":null,"errors":[{"message":"No such colour.","path":["colour"],"extensions":{"code":"NOT_FOUND"}}]}`), completed("1")), quiet())},
		{"ParseError", steps(begun(operate("1", "{"), failed("1", "GRAPHQL_PARSE_FAILED")), quiet())},
		{"ValidationError", steps(begun(operate("1", "{ nope }"), failed("1", "GRAPHQL_VALIDATION_FAILED")), quiet())},
		{"VariableError", steps(begun(say(`{"id":"1","type":"subscribe","payload":{"query":"query($c:Colour!){colour(in:$c)}","variables":{"c":"BLUE"}}}`), failed("1", "GRAPHQL_VALIDATION_FAILED")), quiet())},
		{"OperationUnknown", steps(begun(say(`{"id":"1","type":"subscribe","payload":{"query":"query A{hello}","operationName":"B"}}`), failed("1", "GRAPHQL_VALIDATION_FAILED")), quiet())},
		{"SourceError", steps(begun(operate("1", `subscription { signatureCount(petitionId: "none") { total } }`), failed("1", "NOT_FOUND")), quiet())},
		{"SubscriptionOfNothing", steps(begun(operate("1", "subscription { nope }"), failed("1", "GRAPHQL_VALIDATION_FAILED")), quiet())},
		{"ManyOperations", steps(begun(many(20, forever)...), []step{operate("21", "{ hello }"), failed("21", "LIMIT_EXCEEDED")}, quiet(),
			[]step{say(`{"id":"1","type":"complete"}`), operate("21", "{ hello }"), next("21", world), completed("21")})},

		// Complete.
		{"Complete", steps(begun(operate("1", forever), say(`{"id":"1","type":"complete"}`)), quiet())},
		{"CompleteUnknown", steps(begun(say(`{"id":"9","type":"complete"}`)), quiet())},
		{"CompleteTwice", steps(begun(operate("1", forever), say(`{"id":"1","type":"complete"}`), say(`{"id":"1","type":"complete"}`)), quiet())},
		{"CompleteBeforeInit", steps([]step{say(`{"id":"9","type":"complete"}`)}, begun())},

		// Ping and Pong, of the protocol and of the frames.
		{"Ping", begun(say(pingMessage), hears(pongMessage))},
		{"PingPayload", begun(say(`{"type":"ping","payload":{"at":[1,null]}}`), hears(`{"type":"pong","payload":{"at":[1,null]}}`))},
		{"PingNull", begun(say(`{"type":"ping","payload":null}`), hears(pongMessage))},
		{"PingBeforeInit", steps(quiet(), begun())},
		{"PongUnasked", steps(begun(say(pongMessage), say(`{"type":"pong","payload":{"a":1}}`)), quiet())},
		{"FramePing", begun(raw(masked(wholePing, "hi")), framed(wholePong, "hi"))},
		{"FramePingEmpty", begun(raw(masked(wholePing, "")), framed(wholePong, ""))},
		{"FramePingBeforeInit", steps([]step{raw(masked(wholePing, "hi")), framed(wholePong, "hi")}, begun())},
		{"FramePongUnasked", steps(begun(raw(masked(wholePong, "hi"))), quiet())},

		// Frames.
		{"Fragments", begun(raw(masked(beginText, `{"type":`), masked(moreOf, ``), masked(endOf, `"ping"}`)), hears(pongMessage))},
		{"FragmentsApart", begun(raw(masked(beginText, `{"type":`)), raw(masked(wholePing, "x")), framed(wholePong, "x"), raw(masked(endOf, `"ping"}`)), hears(pongMessage))},
		{"FrameInPieces", begun(raw(masked(wholeText, pingMessage)[:1]), raw(masked(wholeText, pingMessage)[1:8]), raw(masked(wholeText, pingMessage)[8:]), hears(pongMessage))},
		{"TwoInOneWrite", begun(raw(masked(wholeText, pingMessage), masked(wholeText, pingMessage)), hears(pongMessage), hears(pongMessage))},
		{"Binary", begun(raw(masked(wholeBinary, pingMessage)), closed(4400, ""))},
		{"BinaryFirst", []step{raw(masked(wholeBinary, initMessage)), closed(4400, "")}},
		{"Unmasked", begun(raw([]byte("\x81\x0f"+pingMessage)), closed(1002, ""))},
		{"ReservedBit", begun(raw(masked(0xc1, pingMessage)), closed(1002, ""))},
		{"ReservedOpcode", begun(raw(masked(0x83, pingMessage)), closed(1002, ""))},
		{"LongPing", begun(raw(masked(wholePing, strings.Repeat("x", 126))), closed(1002, ""))},
		{"ContinuesNothing", begun(raw(masked(endOf, pingMessage)), closed(1002, ""))},
		{"NotUTF8", begun(raw(masked(wholeText, "{\"type\":\"\xff\"}")), closed(1007, ""))},
		{"NotUTF8InFragment", begun(raw(masked(beginText, "\xf4\x90")), closed(1007, ""))},
		{"TooLarge", begun(raw(masked(wholeText, strings.Repeat(" ", 1<<20+1))[:20]), closed(1009, ""))},
		{"TooLargeTogether", begun(raw(masked(beginText, strings.Repeat(" ", 768<<10)), masked(moreOf, "  ")), closed(1009, ""))},

		// Closing.
		{"Close", begun(leave("\x03\xe8"), closed(1000, ""))},
		{"CloseReason", begun(leave("\x03\xe9bye"), closed(1001, ""))},
		{"CloseEmpty", begun(leave(""), closed(1005, ""))},
		{"CloseOwnCode", begun(leave("\x13\x87"), closed(4999, ""))},
		{"CloseBeforeInit", []step{leave("\x03\xe8"), closed(1000, "")}},
		{"CloseUnderWay", begun(operate("1", forever), leave("\x03\xe8"), closed(1000, ""))},
		{"CloseThenMessage", begun(raw(masked(wholeClose, "\x03\xe8"), masked(wholeText, pingMessage)), closed(1000, ""))},
		{"CloseHalfCode", begun(leave("\x03"), closed(1002, ""))},
		{"CloseBadCode", begun(leave("\x03\xed"), closed(1002, ""))},
		{"CloseReasonNotUTF8", begun(leave("\x03\xe8\xff"), closed(1007, ""))},
	}
	_, server := serve(t, transport.Options{Schema: protocolSchema(), Authenticate: known})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, status, _ := knock(t, server)
			if status != http.StatusSwitchingProtocols {
				t.Fatalf("status %d", status)
			}
			for _, step := range test.steps {
				step(t, w)
			}
		})
	}
}

// many begins n operations, "1" to "n".
func many(n int, document string) (all []step) {
	for i := range n {
		all = append(all, operate(fmt.Sprint(i+1), document))
	}
	return all
}

// What is no message of the protocol closes the socket at once, also before
// connection_init.
func TestProtocolInvalidMessages(t *testing.T) {
	t.Parallel()
	invalid := map[string]string{
		"Empty":              ``,
		"NotJSON":            `nonsense`,
		"Null":               `null`,
		"List":               `[{"type":"ping"}]`,
		"String":             `"ping"`,
		"TwoValues":          `{"type":"ping"}{"type":"ping"}`,
		"TypeMissing":        `{"id":"1"}`,
		"TypeNumber":         `{"type":1}`,
		"TypeUnknown":        `{"type":"hello"}`,
		"TypeOfServer":       `{"type":"connection_ack"}`,
		"TypeNext":           `{"id":"1","type":"next","payload":{}}`,
		"TypeOfOldProtocol":  `{"id":"1","type":"start","payload":{"query":"{hello}"}}`,
		"TypeTwice":          `{"type":"ping","type":"pong"}`,
		"PingList":           `{"type":"ping","payload":[]}`,
		"PongString":         `{"type":"pong","payload":"a"}`,
		"CompleteWithoutID":  `{"type":"complete"}`,
		"SubscribeWithoutID": `{"type":"subscribe","payload":{"query":"{hello}"}}`,
		"SubscribeIDEmpty":   `{"id":"","type":"subscribe","payload":{"query":"{hello}"}}`,
		"SubscribeIDNumber":  `{"id":1,"type":"subscribe","payload":{"query":"{hello}"}}`,
		"WithoutPayload":     `{"id":"1","type":"subscribe"}`,
		"PayloadString":      `{"id":"1","type":"subscribe","payload":"{hello}"}`,
		"WithoutQuery":       `{"id":"1","type":"subscribe","payload":{}}`,
		"QueryNumber":        `{"id":"1","type":"subscribe","payload":{"query":1}}`,
		"VariablesList":      `{"id":"1","type":"subscribe","payload":{"query":"{hello}","variables":[1]}}`,
		"OperationNameList":  `{"id":"1","type":"subscribe","payload":{"query":"{hello}","operationName":[]}}`,
		"ExtensionsString":   `{"id":"1","type":"subscribe","payload":{"query":"{hello}","extensions":""}}`,
		"TooDeep":            `{"type":"ping","payload":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40) + `}`,
	}
	_, server := serve(t, transport.Options{Schema: protocolSchema()})
	for name, text := range invalid {
		for when, before := range map[string][]step{"First": nil, "Later": begun()} {
			t.Run(name+"/"+when, func(t *testing.T) {
				t.Parallel()
				w, _, _ := knock(t, server)
				for _, step := range append(slices.Clone(before), say(text), closed(4400, "")) {
					step(t, w)
				}
			})
		}
	}
}

func TestProtocolInitTimeout(t *testing.T) {
	t.Parallel()
	limits := transport.DefaultLimits()
	limits.Init = 500 * time.Millisecond
	_, server := serve(t, transport.Options{Schema: protocolSchema(), Limits: limits})
	before := map[string][]step{
		"Nothing":     nil,
		"Ping":        quiet(),
		"HalfAFrame":  {raw(masked(wholeText, initMessage)[:10])},
		"HalfMessage": {raw(masked(beginText, initMessage))},
	}
	for name, before := range before {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, _ := knock(t, server)
			for _, step := range append(before, closed(4408, "Connection initialisation timeout")) {
				step(t, w)
			}
		})
	}
	t.Run("NotOnceAcknowledged", func(t *testing.T) {
		t.Parallel()
		w, _, _ := knock(t, server)
		for _, step := range begun() {
			step(t, w)
		}
		_ = w.conn.SetDeadline(time.Now().Add(4 * limits.Init))
		if first, err := w.in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %#x, %v, want nothing", first, err)
		}
	})
}

// A handshake that offers another subprotocol, or none, is accepted and closed
// with 4406, since only a close code reaches the code in a browser.
func TestProtocolHandshake(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: protocolSchema()})
	tests := []struct {
		name, header string
		status       int
		protocol     string
		closed       int
	}{
		{"Good", "", 101, "graphql-transport-ws", 0},
		{"OneOfSome", "Sec-WebSocket-Protocol: graphql-ws, graphql-transport-ws", 101, "graphql-transport-ws", 0},
		{"None", "Sec-WebSocket-Protocol: ", 101, "", 4406},
		{"Old", "Sec-WebSocket-Protocol: graphql-ws", 101, "", 4406},
		{"Case", "Sec-WebSocket-Protocol: GraphQL-Transport-WS", 101, "", 4406},
		{"BadVersion", "Sec-WebSocket-Version: 12", 426, "", 0},
		{"NoVersion", "Sec-WebSocket-Version: ", 426, "", 0},
		{"BadKey", "Sec-WebSocket-Key: AAAA", 400, "", 0},
		{"NoKey", "Sec-WebSocket-Key: ", 400, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if test.header != "" {
				headers = []string{test.header}
			}
			w, status, header := knock(t, server, headers...)
			if status != test.status {
				t.Fatalf("status %d, want %d", status, test.status)
			}
			if test.status == http.StatusUpgradeRequired && header.Get("Sec-WebSocket-Version") != "13" {
				t.Error("426 does not say the version that would do")
			}
			if test.status != http.StatusSwitchingProtocols {
				return
			}
			if got := header.Get("Sec-WebSocket-Protocol"); got != test.protocol {
				t.Errorf("protocol %q, want %q", got, test.protocol)
			}
			if got := header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Errorf("accepted with %q", got)
			}
			if got := header.Get("Sec-WebSocket-Extensions"); got != "" {
				t.Errorf("extension %q", got)
			}
			if test.closed != 0 {
				closed(test.closed, "Subprotocol not acceptable")(t, w)
				return
			}
			for _, step := range begun() {
				step(t, w)
			}
		})
	}
}

// Messages that come with the handshake, or while the credential is looked up,
// are not lost.
func TestProtocolEarlyMessages(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	slow := func(ctx context.Context, bearer string) (context.Context, error) {
		<-release
		return known(ctx, bearer)
	}
	_, server := serve(t, transport.Options{Schema: whoami(), Authenticate: slow})
	w, _, _ := knock(t, server)
	w.send(t, masked(wholeText, `{"type":"connection_init","payload":{"authorization":"Bearer good"}}`), masked(wholeText, pingMessage))
	close(release)
	// The ping may be answered before or after the ack.
	var got []string
	for range 2 {
		_, text := w.read(t)
		got = append(got, text)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{ackMessage, pongMessage}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	operate("1", "{ hello }")(t, w)
	next("1", `{"data":{"hello":"admin"}}`)(t, w)
}

// Nothing is sent for an operation that the client has completed: not what the
// source says later, no complete, and not the result of a query under way.
func TestProtocolSilenceAfterComplete(t *testing.T) {
	t.Parallel()
	documents := map[string]string{"Subscription": "subscription { hello }", "Query": "{ hello }", "Mutation": "mutation { touch }"}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, release := make(chan struct{}), make(chan struct{})
			done := make(chan struct{})
			schema := newStub()
			schema.sources["hello"] = func(context.Context, map[string]any) (<-chan any, error) {
				events := make(chan any, 1)
				close(began)
				go func() {
					defer close(done)
					<-release
					events <- "late"
					close(events)
				}()
				return events, nil
			}
			late := func(context.Context, map[string]any) (any, error) {
				defer close(done)
				close(began)
				<-release
				return "late", nil
			}
			schema.resolvers["hello"], schema.resolvers["touch"] = late, late
			_, server := serve(t, transport.Options{Schema: schema})
			w, _, _ := knock(t, server)
			for _, step := range begun(operate("1", document)) {
				step(t, w)
			}
			<-began
			for _, step := range steps([]step{say(`{"id":"1","type":"complete"}`)}, quiet()) {
				step(t, w)
			}
			close(release)
			<-done
			// Two rounds give the result time to be sent, if it is.
			for _, step := range steps(quiet(), quiet()) {
				step(t, w)
			}
			_ = w.conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
			if first, err := w.in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %#x, %v, want nothing", first, err)
			}
		})
	}
}
