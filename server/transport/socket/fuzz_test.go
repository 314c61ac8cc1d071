package socket_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/transport/socket"
)

// Whatever comes, a Reader does not panic, finds the same however it was
// split, says a code that may be said, and holds no more than a message.
func FuzzReader(f *testing.F) {
	for i, test := range streams() {
		if len(test.data) < 1000 {
			f.Add(test.data, uint64(i), uint16(200))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, most uint16) {
		whole := socket.Reader{Max: int32(most)}
		want, wantErr := feed(&whole, data)
		for _, e := range want {
			check(t, e, int(most))
		}
		if c := code(wantErr); (wantErr != nil) != (c == 1002 || c == 1007 || c == 1009) {
			t.Fatalf("ended by %v", wantErr)
		}

		split := socket.Reader{Max: int32(most)}
		var got []event
		var gotErr error
		for _, piece := range torn(data, rand.New(rand.NewPCG(seed, 0))) {
			events, err := feed(&split, piece)
			got, gotErr = append(got, events...), errors.Join(gotErr, err)
			if held := split.Held(); held > int(most)+125 {
				t.Fatalf("%d bytes are held, a message may have %d", held, most)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("events (-whole +split):\n%s", diff)
		}
		if code(wantErr) != code(gotErr) || whole.Idle() != split.Idle() {
			t.Fatalf("whole: %v, idle %v; split: %v, idle %v", wantErr, whole.Idle(), gotErr, split.Idle())
		}
	})
}

// check fails for what a Reader must not tell.
func check(t *testing.T, e event, most int) {
	t.Helper()
	switch e.Op {
	case socket.Text:
		if !utf8.ValidString(e.Payload) {
			t.Fatalf("text that is not UTF-8: %q", e.Payload)
		}
		fallthrough
	case socket.Binary:
		if len(e.Payload) > most {
			t.Fatalf("a message of %d bytes, the limit is %d", len(e.Payload), most)
		}
	case socket.CloseFrame:
		if _, _, err := socket.ParseClose([]byte(e.Payload)); err != nil {
			t.Fatal(err)
		}
		fallthrough
	case socket.Ping, socket.Pong:
		if len(e.Payload) > 125 {
			t.Fatalf("a control frame of %d bytes", len(e.Payload))
		}
	default:
		t.Fatalf("opcode %d", e.Op)
	}
}

// Whatever comes, a Session does not panic and says what a naive model says.
// A script has one message a line; "ack" and "end ID" are the server's doing.
func FuzzSession(f *testing.F) {
	const sub = `"type":"subscribe","payload":{"query":""}}`
	f.Add("{\"type\":\"connection_init\"}\nack\n{\"id\":\"1\"," + sub + "\n{\"id\":\"1\"," + sub)
	f.Add("{\"type\":\"connection_init\",\"payload\":{}}\nack\n{\"id\":\"1\"," + sub + "\n{\"id\":\"1\",\"type\":\"complete\"}\n{\"id\":\"1\"," + sub)
	f.Add("{\"type\":\"connection_init\"}\nack\n{\"id\":\"1\"," + sub + "\n{\"id\":\"2\"," + sub + "\n{\"id\":\"3\"," + sub + "\n{\"id\":\"4\"," + sub + "\nend 2\n{\"id\":\"4\"," + sub)
	f.Add("{\"type\":\"ping\",\"payload\":{\"a\":[1,{\"b\":null}]}}\n{\"type\":\"pong\"}\n{\"id\":\"1\"," + sub)
	f.Add("{\"type\":\"ping\",\"\\u0074ype\":1}\n{\"type\":\"ping\",\"payload\":[[[[[[]]]]]]}")
	f.Fuzz(func(t *testing.T, script string) {
		if !utf8.ValidString(script) {
			t.Skip("the frames let nothing else through")
		}
		var s socket.Session[int]
		m := model{ids: map[string]bool{}}
		for line := range strings.SplitSeq(script, "\n") {
			if line == "ack" {
				if s.Initialising() {
					s.Acknowledged()
					m.stage = 2
				}
				continue
			}
			if id, found := strings.CutPrefix(line, "end "); found {
				if _, ok := s.End(id); ok != m.ids[id] {
					t.Fatalf("end %q: %v", id, ok)
				}
				delete(m.ids, id)
				continue
			}
			wantKind, wantID, wantCode := m.receive(line)
			got, code := receive(&s, line)
			if got.Kind != wantKind || got.ID != wantID || code != wantCode {
				t.Fatalf("%s: got %+v and %d, want %d, %q and %d", line, got, code, wantKind, wantID, wantCode)
			}
			if code != 0 {
				return
			}
			switch got.Kind {
			case socket.KindSubscribe:
				s.Begin(got.ID, 0)
				m.ids[got.ID] = true
			case socket.KindComplete:
				s.End(got.ID)
				delete(m.ids, got.ID)
			}
			if s.Len() != len(m.ids) {
				t.Fatalf("%d operations, want %d", s.Len(), len(m.ids))
			}
			for id := range s.Operations() {
				if !m.ids[id] {
					t.Fatalf("operation %q is over", id)
				}
			}
		}
	})
}

// model judges messages by decoding all of them.
type model struct {
	stage int // 0 opened, 1 initialising, 2 ready
	ids   map[string]bool
}

func (m *model) receive(text string) (kind socket.Kind, id string, code int) {
	tokens := json.NewDecoder(strings.NewReader(text))
	tokens.UseNumber()
	value, ok := decode(tokens, limits.JSONDepth+1)
	message, isObject := value.(map[string]any)
	if _, err := tokens.Token(); !json.Valid([]byte(text)) || !ok || !errors.Is(err, io.EOF) || !isObject {
		return 0, "", socket.BadRequest
	}
	payload, isObject := message["payload"].(map[string]any)
	bare := isObject || message["payload"] == nil
	switch message["type"] {
	case "ping":
		kind, ok = socket.KindPing, bare && rawSize(text) <= limits.PingPayload
	case "pong":
		kind, ok = socket.KindPong, bare && rawSize(text) <= limits.PingPayload
	case "connection_init":
		kind, ok = socket.KindInit, bare && rawSize(text) <= limits.InitPayload
	case "complete":
		id, ok = identity(message, text)
		kind = socket.KindComplete
	case "subscribe":
		id, ok = identity(message, text)
		kind, ok = socket.KindSubscribe, ok && isObject && sound(payload)
	default:
		ok = false
	}
	switch {
	case !ok:
		return 0, "", socket.BadRequest
	case kind == socket.KindInit && m.stage > 0:
		return 0, "", socket.TooManyInits
	case kind == socket.KindInit:
		m.stage = 1
	case kind == socket.KindSubscribe && m.stage < 2:
		return 0, "", socket.Unauthorized
	case kind == socket.KindSubscribe && m.ids[id]:
		return 0, "", socket.SubscriberExists
	case kind == socket.KindSubscribe && len(m.ids) == limits.Operations:
		return socket.KindRefused, id, 0
	case kind == socket.KindComplete && !m.ids[id]:
		return 0, "", 0
	}
	return kind, id, 0
}

func sound(payload map[string]any) bool {
	_, query := payload["query"].(string)
	_, name := payload["operationName"].(string)
	_, variables := payload["variables"].(map[string]any)
	_, extensions := payload["extensions"].(map[string]any)
	return query && (name || payload["operationName"] == nil) &&
		(variables || payload["variables"] == nil) && (extensions || payload["extensions"] == nil)
}

func identity(message map[string]any, text string) (string, bool) {
	id, ok := message["id"].(string)
	var raw map[string]json.RawMessage
	_ = json.Unmarshal([]byte(text), &raw)
	if bytes.ContainsRune(raw["id"], '\\') && strings.ContainsRune(id, utf8.RuneError) {
		ok = false
	}
	if !ok || id == "" || len(id) > limits.ID {
		return "", false
	}
	return id, true
}

func rawSize(text string) int {
	var raw map[string]json.RawMessage
	_ = json.Unmarshal([]byte(text), &raw)
	return len(raw["payload"])
}

// decode reads one value, unless it is too deep or has a member twice.
func decode(tokens *json.Decoder, depth int) (any, bool) {
	token, err := tokens.Token()
	if err != nil {
		return nil, false
	}
	open, ok := token.(json.Delim)
	if !ok {
		return token, true
	}
	if depth == 0 || open != '{' && open != '[' {
		return nil, false
	}
	object := map[string]any{}
	for tokens.More() {
		var name string
		if open == '{' {
			token, _ := tokens.Token()
			name, ok = token.(string)
			if _, twice := object[name]; twice || !ok || len(object) == limits.JSONMembers {
				return nil, false
			}
		}
		value, ok := decode(tokens, depth-1)
		if !ok {
			return nil, false
		}
		object[name] = value
	}
	_, err = tokens.Token()
	if open == '[' {
		return []any{}, err == nil
	}
	return object, err == nil
}
