package socket_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/transport/socket"
)

var limits = socket.Limits{ID: 128, InitPayload: 16 << 10, PingPayload: 1 << 10, Operations: 3, JSONDepth: 4, JSONMembers: 1000}

// said is an Event in comparable form.
type said struct {
	Kind        socket.Kind
	ID, Payload string
}

// judge reads a message and judges it.
func judge(s *socket.Session[int], text string) (socket.Event, *socket.Closing) {
	event, closing := socket.Parse(&limits, []byte(text))
	if closing != nil {
		return event, closing
	}
	return s.Receive(&limits, event)
}

// receive hears one message.
func receive(s *socket.Session[int], text string) (said, int) {
	event, closing := judge(s, text)
	if closing != nil {
		return said{}, closing.Code
	}
	return said{event.Kind, event.ID, string(event.Payload)}, 0
}

// ready returns a session that was acknowledged and has those operations.
func ready(t *testing.T, ids ...string) *socket.Session[int] {
	t.Helper()
	s := new(socket.Session[int])
	if _, code := receive(s, `{"type":"connection_init"}`); code != 0 {
		t.Fatalf("connection_init: %d", code)
	}
	s.Acknowledged()
	for i, id := range ids {
		s.Begin(id, i)
	}
	return s
}

func TestReceive(t *testing.T) {
	t.Parallel()
	const sub = `{"id":"1","type":"subscribe","payload":`
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	tests := []struct {
		name, text string
		want       said
		code       int
	}{
		// Subscribe.
		{"Subscribe", sub + `{"query":"{a}"}}`, said{socket.KindSubscribe, "1", `{"query":"{a}"}`}, 0},
		{"SubscribeAll", sub + `{"query":"","operationName":"a","variables":{"b":[1]},"extensions":{}}}`, said{socket.KindSubscribe, "1", `{"query":"","operationName":"a","variables":{"b":[1]},"extensions":{}}`}, 0},
		{"SubscribeNulls", sub + `{"query":"","operationName":null,"variables":null,"extensions":null}}`, said{socket.KindSubscribe, "1", `{"query":"","operationName":null,"variables":null,"extensions":null}`}, 0},
		{"SubscribeOrder", ` { "payload" : {"query":""} , "type" : "subscribe" , "id" : "1" } `, said{socket.KindSubscribe, "1", `{"query":""}`}, 0},
		{"SubscribeUnknownMembers", `{"id":"1","type":"subscribe","payload":{"query":"","key":7},"more":true}`, said{socket.KindSubscribe, "1", `{"query":"","key":7}`}, 0},
		{"SubscribeEscapes", `{"\u0069d":"\u0031\n","type":"sub\u0073cribe","payload":{"query":""}}`, said{socket.KindSubscribe, "1\n", `{"query":""}`}, 0},
		{"SubscribeWithoutPayload", `{"id":"1","type":"subscribe"}`, said{}, 4400},
		{"SubscribePayloadNull", sub + `null}`, said{}, 4400},
		{"SubscribePayloadList", sub + `["{a}"]}`, said{}, 4400},
		{"SubscribePayloadString", sub + `"{a}"}`, said{}, 4400},
		{"SubscribeWithoutQuery", sub + `{}}`, said{}, 4400},
		{"SubscribeQueryNull", sub + `{"query":null}}`, said{}, 4400},
		{"SubscribeQueryNumber", sub + `{"query":1}}`, said{}, 4400},
		{"SubscribeOperationNameNumber", sub + `{"query":"","operationName":1}}`, said{}, 4400},
		{"SubscribeVariablesList", sub + `{"query":"","variables":[ {}]}}`, said{}, 4400},
		{"SubscribeExtensionsList", sub + `{"query":"","extensions":[[]]}}`, said{}, 4400},
		{"SubscribeEmptyLists", sub + `{"query":"","variables":[],"extensions":[ ]}}`, said{
			socket.KindSubscribe, "1", `{"query":"","variables":[],"extensions":[ ]}`,
		}, 0},
		{"SubscribeVariablesString", sub + `{"query":"","variables":"{}"}}`, said{}, 4400},
		{"SubscribeExtensionsString", sub + `{"query":"","extensions":"a"}}`, said{}, 4400},
		{"SubscribeExtensionsFalse", sub + `{"query":"","extensions":false}}`, said{}, 4400},

		// Ids.
		{"IDMissing", `{"type":"subscribe","payload":{"query":""}}`, said{}, 4400},
		{"IDNull", `{"id":null,"type":"subscribe","payload":{"query":""}}`, said{}, 4400},
		{"IDNumber", `{"id":1,"type":"subscribe","payload":{"query":""}}`, said{}, 4400},
		{"IDEmpty", `{"id":"","type":"subscribe","payload":{"query":""}}`, said{}, 4400},
		{"IDLongest", `{"id":"` + long(128) + `","type":"subscribe","payload":{"query":""}}`, said{socket.KindSubscribe, long(128), `{"query":""}`}, 0},
		{"IDTooLong", `{"id":"` + long(129) + `","type":"subscribe","payload":{"query":""}}`, said{}, 4400},
		{"IDTooLongInBytes", `{"id":"` + strings.Repeat("é", 65) + `","type":"subscribe","payload":{"query":""}}`, said{}, 4400},
		{"IDHalfASurrogate", `{"id":"\ud83d","type":"subscribe","payload":{"query":""}}`, said{}, 4400},
		{"IDSurrogatePair", `{"id":"\ud83d\ude00","type":"subscribe","payload":{"query":""}}`, said{socket.KindSubscribe, "😀", `{"query":""}`}, 0},
		{"IDUnderWay", `{"id":"a","type":"subscribe","payload":{"query":""}}`, said{}, 4409},
		{"IDUnderWayEscaped", `{"id":"\u0061","type":"subscribe","payload":{"query":""}}`, said{}, 4409},

		// Complete.
		{"Complete", `{"id":"a","type":"complete"}`, said{Kind: socket.KindComplete, ID: "a"}, 0},
		{"CompletePayload", `{"id":"a","type":"complete","payload":1}`, said{Kind: socket.KindComplete, ID: "a"}, 0},
		{"CompleteUnknown", `{"id":"b","type":"complete"}`, said{}, 0},
		{"CompleteWithoutID", `{"type":"complete"}`, said{}, 4400},
		{"CompleteIDNumber", `{"type":"complete","id":1}`, said{}, 4400},
		{"CompleteIDEmpty", `{"type":"complete","id":""}`, said{}, 4400},

		// Ping and pong.
		{"Ping", `{"type":"ping"}`, said{Kind: socket.KindPing}, 0},
		{"PingPayload", `{"type":"ping","payload":{"a": 1}}`, said{Kind: socket.KindPing, Payload: `{"a": 1}`}, 0},
		{"PingNull", `{"type":"ping","payload":null}`, said{Kind: socket.KindPing}, 0},
		{"PingList", `{"type":"ping","payload":[]}`, said{}, 4400},
		{"PingString", `{"type":"ping","payload":"a"}`, said{}, 4400},
		{"PingFalse", `{"type":"ping","payload":false}`, said{}, 4400},
		{"Pong", `{"type":"pong"}`, said{Kind: socket.KindPong}, 0},
		{"PongPayload", `{"type":"pong","payload":{}}`, said{Kind: socket.KindPong, Payload: `{}`}, 0},
		{"PongNull", `{"type":"pong","payload":null}`, said{Kind: socket.KindPong}, 0},
		{"PingLargest", `{"type":"ping","payload":{"a":"` + long(1<<10-8) + `"}}`, said{Kind: socket.KindPing, Payload: `{"a":"` + long(1<<10-8) + `"}`}, 0},
		{"PingTooLarge", `{"type":"ping","payload":{"a":"` + long(1<<10-7) + `"}}`, said{}, 4400},
		{"PongLargest", `{"type":"pong","payload":{"a":"` + long(1<<10-8) + `"}}`, said{Kind: socket.KindPong, Payload: `{"a":"` + long(1<<10-8) + `"}`}, 0},
		{"PongTooLarge", `{"type":"pong","payload":{"a":"` + long(1<<10-7) + `"}}`, said{}, 4400},
		{"PongNumber", `{"type":"pong","payload":0}`, said{}, 4400},

		{"InitAgain", `{"type":"connection_init"}`, said{}, 4429},

		// What is no message.
		{"Empty", ``, said{}, 4400},
		{"Space", ` `, said{}, 4400},
		{"NotJSON", `nonsense`, said{}, 4400},
		{"Null", `null`, said{}, 4400},
		{"Number", `7`, said{}, 4400},
		{"String", `"ping"`, said{}, 4400},
		{"List", `[{"type":"ping"}]`, said{}, 4400},
		{"EmptyObject", `{}`, said{}, 4400},
		{"Unended", `{"type":"ping"`, said{}, 4400},
		{"TwoValues", `{"type":"ping"}{"type":"ping"}`, said{}, 4400},
		{"Trailing", `{"type":"ping"}x`, said{}, 4400},
		{"Comma", `{"type":"ping",}`, said{}, 4400},
		{"SingleQuotes", `{'type':'ping'}`, said{}, 4400},
		{"TypeMissing", `{"id":"1"}`, said{}, 4400},
		{"TypeNull", `{"type":null}`, said{}, 4400},
		{"TypeNumber", `{"type":1}`, said{}, 4400},
		{"TypeEmpty", `{"type":""}`, said{}, 4400},
		{"TypeUnknown", `{"type":"hello"}`, said{}, 4400},
		{"TypeCase", `{"type":"Ping"}`, said{}, 4400},
		{"MemberCase", `{"Type":"ping"}`, said{}, 4400},
		{"TypeOfOldProtocol", `{"id":"1","type":"start","payload":{"query":""}}`, said{}, 4400},
		{"TypeOfServerAck", `{"type":"connection_ack"}`, said{}, 4400},
		{"TypeOfServerNext", `{"id":"a","type":"next","payload":{}}`, said{}, 4400},
		{"TypeOfServerError", `{"id":"a","type":"error","payload":[{"message":""}]}`, said{}, 4400},
		{"TypeTwice", `{"type":"ping","type":"pong"}`, said{}, 4400},
		{"TypeTwiceEscaped", `{"type":"ping","typ\u0065":"pong"}`, said{}, 4400},
		{"PayloadMemberTwice", sub + `{"query":"","query":"{a}"}}`, said{}, 4400},
		{"VariableTwice", sub + `{"query":"","variables":{"a":[{"b":1,"c":2,"b":3}]}}}`, said{}, 4400},
		{"MostVariables", sub + `{"query":"","variables":` + named(1000) + `}}`, said{socket.KindSubscribe, "1", `{"query":"","variables":` + named(1000) + `}`}, 0},
		{"TooManyVariables", sub + `{"query":"","variables":` + named(1001) + `}}`, said{}, 4400},
		{"TooManyMembersBelow", sub + `{"query":"","variables":{"a":[` + named(1001) + `]}}}`, said{}, 4400},
		{"UnknownMemberTwice", `{"type":"ping","x":[{"b":1,"b":1}]}`, said{}, 4400},
		{"SameNamesApart", `{"type":"ping","payload":{"type":{"a":1},"b":{"a":1},"c":[{"a":1},{"a":1}]}}`, said{Kind: socket.KindPing, Payload: `{"type":{"a":1},"b":{"a":1},"c":[{"a":1},{"a":1}]}`}, 0},
		{"Deepest", `{"type":"ping","payload":` + deep(4) + `}`, said{Kind: socket.KindPing, Payload: deep(4)}, 0},
		{"TooDeep", `{"type":"ping","payload":` + deep(5) + `}`, said{}, 4400},
		{"TooDeepLists", `{"type":"ping","payload":{"a":[[[[1]]]]}}`, said{}, 4400},
		{"TooDeepByFar", `{"type":"ping","payload":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`, said{}, 4400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ready(t, "a")
			got, code := receive(s, test.text)
			if code != test.code {
				t.Errorf("code %d, want %d", code, test.code)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			if s.Len() != 1 || !s.Ready() {
				t.Error("what was received has changed the session")
			}
		})
	}
}

func TestReceiveInit(t *testing.T) {
	t.Parallel()
	room := limits.InitPayload - len(`{"a":""}`)
	tests := []struct {
		name, text, payload string
		code                int
	}{
		{"Bare", `{"type":"connection_init"}`, ``, 0},
		{"Null", `{"type":"connection_init","payload":null}`, ``, 0},
		{"Object", `{"type":"connection_init","payload":{"a":1}}`, `{"a":1}`, 0},
		{"List", `{"type":"connection_init","payload":[]}`, ``, 4400},
		{"String", `{"type":"connection_init","payload":"token"}`, ``, 4400},
		{"Number", `{"type":"connection_init","payload":0}`, ``, 4400},
		{"Largest", `{"type":"connection_init","payload":{"a":"` + long(room) + `"}}`, `{"a":"` + long(room) + `"}`, 0},
		{"TooLarge", `{"type":"connection_init","payload":{"a":"` + long(room+1) + `"}}`, ``, 4400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var s socket.Session[int]
			event, closing := judge(&s, test.text)
			if test.code != 0 {
				if closing == nil || closing.Code != test.code || s.Initialising() {
					t.Errorf("got %v, want %d", closing, test.code)
				}
				return
			}
			if closing != nil || event.Kind != socket.KindInit || string(event.Payload) != test.payload {
				t.Errorf("got %+v, %v", event, closing)
			}
			if test.payload == "" && event.Payload != nil {
				t.Error("an absent payload is not nil")
			}
		})
	}
}

// named is an object of n members.
func named(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, `,"%d":0`, i)
	}
	return "{" + s.String()[1:] + "}"
}

// What is allowed before connection_init, before the ack and after it.
func TestStages(t *testing.T) {
	t.Parallel()
	messages := map[string]string{
		"init":      `{"type":"connection_init"}`,
		"subscribe": `{"id":"1","type":"subscribe","payload":{"query":""}}`,
		"complete":  `{"id":"1","type":"complete"}`,
		"ping":      `{"type":"ping"}`,
		"pong":      `{"type":"pong"}`,
		"bad":       `{"id":"","type":"subscribe"}`,
	}
	stages := []struct {
		name                string
		reach               func(*socket.Session[int])
		initialising, ready bool
		codes               map[string]int // those that are not 0
	}{
		{"Opened", func(*socket.Session[int]) {}, false, false, map[string]int{"subscribe": 4401, "bad": 4400}},
		{
			"Initialising", func(s *socket.Session[int]) { receive(s, messages["init"]) }, true, false,
			map[string]int{"init": 4429, "subscribe": 4401, "bad": 4400},
		},
		{
			"Ready", func(s *socket.Session[int]) { receive(s, messages["init"]); s.Acknowledged() }, false, true,
			map[string]int{"init": 4429, "bad": 4400},
		},
	}
	for _, stage := range stages {
		t.Run(stage.name, func(t *testing.T) {
			t.Parallel()
			for name, text := range messages {
				var s socket.Session[int]
				stage.reach(&s)
				if s.Initialising() != stage.initialising || s.Ready() != stage.ready {
					t.Errorf("initialising: %v, ready: %v", s.Initialising(), s.Ready())
				}
				if _, code := receive(&s, text); code != stage.codes[name] {
					t.Errorf("%s: code %d, want %d", name, code, stage.codes[name])
				}
			}
		})
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	s := ready(t, "my-id", long(128))
	_, closing := judge(s, `{"id":"my-id","type":"subscribe","payload":{"query":""}}`)
	if want := "Subscriber for my-id already exists"; closing == nil || closing.Reason != want {
		t.Errorf("got %v, want %q", closing, want)
	}
	// The canary stands in all that is wrong, and must not be said again.
	for _, text := range []string{`canary`, `{"type":"canary"}`, `{"canary":1,"canary":2}`, `{"type":"ping","payload":"canary"}`, `{"id":"` + strings.Repeat("canary", 30) + `","type":"complete"}`} {
		_, closing := judge(s, text)
		if closing == nil || strings.Contains(closing.Reason, "canary") || len(closing.Reason) > 123 || !strings.HasPrefix(closing.Reason, "Invalid message received: ") {
			t.Errorf("%s: %v", text, closing)
		}
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	s := ready(t)
	subscribe := func(id string) (said, int) {
		return receive(s, fmt.Sprintf(`{"id":%q,"type":"subscribe","payload":{"query":""}}`, id))
	}
	for i, id := range []string{"a", "b", "c"} {
		if got, code := subscribe(id); got.Kind != socket.KindSubscribe || code != 0 {
			t.Fatalf("subscribe %s: %+v, %d", id, got, code)
		}
		s.Begin(id, i)
	}
	if got, code := subscribe("d"); got.Kind != socket.KindRefused || got.ID != "d" || code != 0 {
		t.Errorf("one too many: %+v, %d", got, code)
	}
	if _, code := subscribe("a"); code != socket.SubscriberExists {
		t.Errorf("an id that exists, without room: %d", code)
	}
	if of, ok := s.Find("b"); of != 1 || !ok {
		t.Errorf("find b: %d, %v", of, ok)
	}
	if _, ok := s.Find("d"); ok {
		t.Error("what was refused is found")
	}
	if of, ok := s.End("b"); of != 1 || !ok {
		t.Errorf("end b: %d, %v", of, ok)
	}
	if _, ok := s.End("b"); ok {
		t.Error("b ended twice")
	}
	if diff := cmp.Diff(map[string]int{"a": 0, "c": 2}, maps.Collect(s.Operations())); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	if got, code := subscribe("b"); got.Kind != socket.KindSubscribe || code != 0 {
		t.Errorf("an id that is free again: %+v, %d", got, code)
	}
	s.Begin("b", 7)
	s.Begin("b", 8)
	if of, _ := s.Find("b"); of != 8 || s.Len() != 3 {
		t.Errorf("begun twice: %d of %d", of, s.Len())
	}
	for range s.Operations() {
		break
	}
	var order []string
	for id := range s.Operations() {
		order = append(order, id)
		s.End(id)
	}
	if diff := cmp.Diff([]string{"a", "c", "b"}, order); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
	if s.Len() != 0 || s.Cap() != 0 || len(slices.Collect(maps.Keys(maps.Collect(s.Operations())))) != 0 {
		t.Errorf("after the last operation there is still room for %d", s.Cap())
	}
}

func TestSessionIsSmall(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(socket.Session[*int]{}); size > 40 {
		t.Errorf("an idle Session has %d bytes", size)
	}
	if s := ready(t); s.Cap() != 0 {
		t.Errorf("a session without operations has room for %d", s.Cap())
	}
}
