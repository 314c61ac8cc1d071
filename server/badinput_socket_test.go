package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"petitiond/server/database"
	"petitiond/server/database/dbtest"
)

// badSockets are handshakes and frames that should not be.
func badSockets() []badInput {
	handshake := func(name, want string, headers ...string) badInput {
		return badInput{name: "Socket" + name, want: want, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			w.wait(20 * time.Second)
			if refused := w.open(headers...); refused != "" {
				return refused, w
			}
			return w.outcome(), w
		}}
	}
	frames := func(name, want string, bytes string) badInput {
		return badInput{name: "Frame" + name, want: want, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.initialised(t)
			w.wait(soon)
			w.say(bytes)
			return w.outcome(), w
		}}
	}
	ping := `{"type":"ping"}`
	return []badInput{
		handshake("WithoutProtocol", "close 4406", "Sec-WebSocket-Protocol:"),
		handshake("OtherProtocol", "close 4406", "Sec-WebSocket-Protocol: graphql-ws"),
		handshake("HostileProtocol", "close 4406", "Sec-WebSocket-Protocol: "+canary),
		handshake("OriginOther", "403 FORBIDDEN", "Origin: https://other.example"), // whose name is logged
		handshake("OriginNull", "403 FORBIDDEN", "Origin: null"),
		handshake("OriginLike", "403 FORBIDDEN", "Origin: http://127.0.0.1.other.example"),
		handshake("OriginWithAName", "403 FORBIDDEN", "Origin: https://"+canary+"@other.example"),
		handshake("OriginGarbage", "403 FORBIDDEN", "Origin: "+canary),
		handshake("WithoutKey", "400 BAD_REQUEST|400", "Sec-WebSocket-Key:"),
		handshake("ShortKey", "400 BAD_REQUEST|400", "Sec-WebSocket-Key: "+canary),
		handshake("OldVersion", "400 BAD_REQUEST|400|426 BAD_REQUEST|426", "Sec-WebSocket-Version: 8"),
		handshake("WithoutVersion", "400 BAD_REQUEST|400|426 BAD_REQUEST|426", "Sec-WebSocket-Version:"),
		handshake("CredentialUnknown", unknown, "Authorization: Bearer pe_"+canary),
		handshake("WithoutConnection", "400 BAD_REQUEST|400|426 BAD_REQUEST|426", "Connection: keep-alive"),
		{name: "SocketSilent", want: "close 4408", slow: true, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			w.wait(20 * time.Second)
			w.open()
			return w.outcome(), w
		}},
		{name: "SocketHalfAMessage", want: "close 4408", slow: true, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			w.wait(20 * time.Second)
			w.open()
			w.say(frame(opText, `{"type":"connection_`)) // and the rest never
			return w.outcome(), w
		}},
		{name: "SocketDripping", want: "close 4408", slow: true, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			w.wait(20 * time.Second)
			w.open()
			stop := drip(w, textFrames(`{"type":"connection_init","payload":{"`+canary+`":"`+strings.Repeat(" ", 200)+`"}}`))
			defer stop()
			return w.outcome(), w
		}},
		{name: "SocketNeverReading", want: "closed", slow: true, echo: true, send: neverRead},
		frames("Unmasked", "close 1002", string([]byte{opFinal | opText, byte(len(ping))})+ping),
		frames("Reserved1", "close 1002", frame(opFinal|opText|0x40, ping)),
		frames("Reserved2", "close 1002", frame(opFinal|opText|0x20, ping)),
		frames("Reserved3", "close 1002", frame(opFinal|opText|0x10, ping)),
		frames("UnknownKind", "close 1002", frame(opFinal|0x3, canary)),
		frames("UnknownControl", "close 1002", frame(opFinal|0xB, canary)),
		frames("PingInPieces", "close 1002", frame(opPing, canary)),
		frames("PingLong", "close 1002", frame(opFinal|opPing, strings.Repeat("a", 126))),
		frames("CloseLong", "close 1002", frame(opFinal|opClose, "\x03\xe8"+strings.Repeat("a", 124))),
		frames("CloseOfOneByte", "close 1002", frame(opFinal|opClose, "\x03")),
		frames("CloseForbiddenCode", "close 1002", frame(opFinal|opClose, "\x03\xed")),
		frames("CloseNotUTF8", "close 1007|close 1002", frame(opFinal|opClose, "\x03\xe8"+canary+"\xff")),
		frames("ContinuesNothing", "close 1002", frame(opFinal|opContinue, ping)),
		frames("BeginsWithin", "close 1002", frame(opText, `{"type":`)+frame(opFinal|opText, ping)),
		frames("LengthNotShortest", "close 1002", "\x81\xfe\x00\x0f\x00\x00\x00\x00"+ping),
		frames("Binary", "close 4400|close 1003", frame(opFinal|opBinary, ping)),
		frames("NotUTF8", "close 1007|close 4400", textFrames("{\"type\":\"ping\",\"payload\":{\""+canary+"\":\"\xff\"}}")),
		frames("Large", "close 1009", textFrames(`{"type":"ping","payload":{"`+canary+`":"`+strings.Repeat("a", 1<<20)+`"}}`)),
		frames("LargeInPieces", "close 1009", frame(opText, `{"type":"ping","payload":{"`+canary+`":"`)+strings.Repeat(frame(opContinue, strings.Repeat("a", 2000)), 600)),
		frames("PromisedHuge", "close 1009", frameHead(opFinal|opText, 1<<30)+"\x00\x00\x00\x00{"),
		frames("PromisedImpossible", "close 1002|close 1009", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00{"),
		frames("EmptyPieces", "close 4400|close 4429|close 1008|close 1009", frame(opText, "")+strings.Repeat(frame(opContinue, ""), 5000)+frame(opFinal|opContinue, canary)),
		frames("PingInBetween", "pong", frame(opText, `{"type":`)+frame(opFinal|opPing, "")+frame(opFinal|opContinue, `"ping"}`)),
		frames("PongUnasked", "pong", frame(opFinal|opPong, canary)+textFrames(ping)),
		frames("PingFlood", "close 4429|close 1008", strings.Repeat(frame(opFinal|opPing, ""), 2000)),
	}
}

// neverRead asks for more than buffers hold and reads nothing of it.
func neverRead(t testing.TB, s *stage) (string, *wire) {
	w := s.wire(t)
	_ = w.Conn.(*net.TCPConn).SetReadBuffer(4096)
	w.wait(20 * time.Second)
	w.open()
	w.say(textFrames(`{"type":"connection_init"}`))
	w.message()
	until := time.Now().Add(35 * time.Second)
	for i := 0; time.Now().Before(until); i++ {
		_ = w.SetWriteDeadline(time.Now().Add(time.Second))
		_, err := w.Write([]byte(textFrames(subscribe(fmt.Sprint(i), "{ __schema { types { name description fields { name description } } } }"))))
		if err != nil && !os.IsTimeout(err) {
			return "closed", w
		}
		time.Sleep(100 * time.Millisecond) // more at once would be too many messages
	}
	return "open after 35 s", w
}

// badMessages are messages of graphql-transport-ws that should not be.
func badMessages() []badInput {
	talk := func(name, want string, messages ...string) badInput {
		return badInput{name: "Message" + name, want: want, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.initialised(t)
			w.wait(soon)
			for _, m := range messages {
				w.say(textFrames(s.fill(m)))
			}
			return w.outcome(), w
		}}
	}
	first := func(name, want string, messages ...string) badInput {
		return badInput{name: "First" + name, want: want, send: func(t testing.TB, s *stage) (string, *wire) {
			w := s.wire(t)
			w.wait(20 * time.Second)
			if refused := w.open(); refused != "" {
				return refused, w
			}
			w.wait(soon)
			w.say(textFrames(messages...))
			return w.outcome(), w
		}}
	}
	one := func(query string) string { return subscribe("1", query) }
	count := "subscription { statistics { petitionCount } }"
	list := []badInput{
		first("Subscribe", "close 4401", one(count)),
		first("InitTwice", "close 4429", `{"type":"connection_init"}`, `{"type":"connection_init"}`),
		first("InitList", "close 4400", `{"type":"connection_init","payload":["`+canary+`"]}`),
		first("InitString", "close 4400", `{"type":"connection_init","payload":"`+canary+`"}`),
		first("InitLarge", "close 4400|close 1009", `{"type":"connection_init","payload":{"`+canary+`":"`+strings.Repeat("a", 17<<10)+`"}}`),
		first("CredentialUnknown", "close 4403", `{"type":"connection_init","payload":{"authorization":"Bearer pe_`+canary+`"}}`),
		first("CredentialBare", "close 4403", `{"type":"connection_init","payload":{"authorization":"`+canary+`"}}`),
		first("CredentialNumber", "close 4403", `{"type":"connection_init","payload":{"Authorization":7}}`),
		first("CredentialObject", "close 4403", `{"type":"connection_init","payload":{"Authorization":{"`+canary+`":1}}}`),
		first("NotJSON", "close 4400", canary),
		talk("Empty", "close 4400", ""),
		talk("NotJSON", "close 4400", `{"type":"ping","`+canary),
		talk("List", "close 4400", `[{"type":"ping"}]`),
		talk("Number", "close 4400", `7`),
		talk("Null", "close 4400", `null`),
		talk("Twice", "close 4400", `{"type":"ping"}{"type":"ping"}`),
		talk("Deep", "close 4400", `{"type":"ping","payload":`+strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)+`}`),
		talk("WithoutType", "close 4400", `{"id":"`+canary+`"}`),
		talk("TypeNumber", "close 4400", `{"type":1}`),
		talk("TypeUnknown", "close 4400", `{"type":"`+canary+`"}`),
		talk("TypeOfOldProtocol", "close 4400", `{"type":"start","id":"1","payload":{"query":"{ __typename }"}}`),
		talk("TypeOfServer", "close 4400", `{"type":"next","id":"1","payload":{}}`),
		talk("TypeTwice", "close 4400", `{"type":"ping","type":"`+canary+`"}`),
		talk("InitAgain", "close 4429", `{"type":"connection_init"}`),
		talk("PingPayload", "close 4400", `{"type":"ping","payload":"`+canary+`"}`),
		talk("WithoutID", "close 4400", `{"type":"subscribe","payload":{"query":"{ __typename }"}}`),
		talk("IDEmpty", "close 4400", subscribe("", count)),
		talk("IDNumber", "close 4400", `{"id":1,"type":"subscribe","payload":{"query":"{ __typename }"}}`),
		talk("IDLong", "close 4400", subscribe(strings.Repeat("i", 129), count)),
		talk("IDTwice", "close 4409", one(count), one(count)),
		talk("WithoutPayload", "close 4400", `{"id":"1","type":"subscribe"}`),
		talk("PayloadString", "close 4400", `{"id":"1","type":"subscribe","payload":"`+canary+`"}`),
		talk("PayloadList", "close 4400", `{"id":"1","type":"subscribe","payload":["`+canary+`"]}`),
		talk("WithoutQuery", "close 4400", `{"id":"1","type":"subscribe","payload":{"operationName":"`+canary+`"}}`),
		talk("QueryNumber", "close 4400", `{"id":"1","type":"subscribe","payload":{"query":1}}`),
		talk("VariablesList", "close 4400", `{"id":"1","type":"subscribe","payload":{"query":"{ __typename }","variables":["`+canary+`"]}}`),
		talk("OperationNameNumber", "close 4400", `{"id":"1","type":"subscribe","payload":{"query":"{ __typename }","operationName":1}}`),
		talk("ExtensionsString", "close 4400", `{"id":"1","type":"subscribe","payload":{"query":"{ __typename }","extensions":"`+canary+`"}}`),
		talk("CompleteWithoutID", "close 4400", `{"type":"complete"}`),
		talk("CompleteOfNothing", "pong", `{"id":"`+canary+`","type":"complete"}`, `{"type":"ping"}`),
		talk("SyntaxError", "error GRAPHQL_PARSE_FAILED", one("{ "+canary)),
		named(talk("FieldUnknown", "error GRAPHQL_VALIDATION_FAILED", one("{ "+canary+" }"))),
		talk("Limit", "error LIMIT_EXCEEDED", one("{"+strings.Repeat(" __typename", 1100)+"}")),
		talk("Depth", "error LIMIT_EXCEEDED", one(strings.Repeat("{ petitions { nodes ", 8)+"{ id }"+strings.Repeat("} }", 8))),
		talk("PetitionUnknown", "error NOT_FOUND", one(`subscription { signatureCount(petitionId: "`+canary+`") { total } }`)),
		talk("PetitionDraft", "error NOT_FOUND", one(`subscription { signatureCount(petitionId: "DRAFT") { total } }`)),
		talk("PetitionUnknownChanged", "error NOT_FOUND", one(`subscription { petitionChanged(petitionId: "`+canary+`") { id } }`)),
		talk("PetitionUnknownComments", "error NOT_FOUND", one(`subscription { commentAdded(petitionId: "`+canary+`") { id } }`)),
		talk("PetitionsNone", "error BAD_USER_INPUT", one(`subscription { signatureCounts(petitionIds: []) { total } }`)),
		talk("PetitionsMany", "error BAD_USER_INPUT", one(`subscription { signatureCounts(petitionIds: [`+strings.Repeat(`"a" `, 101)+`]) { total } }`)),
		talk("SubscriptionOfTwo", "error GRAPHQL_VALIDATION_FAILED", one("subscription { a: statistics { petitionCount } b: statistics { petitionCount } }")),
		talk("SubscriptionOfItsType", "error GRAPHQL_VALIDATION_FAILED", one("subscription { __typename }")),
		talk("BadArgument", "next BAD_USER_INPUT", one("{ petitions(first: 0) { nodes { id } } }")),
		talk("BadSignature", "next INVALID input.name", one(`mutation { signPetition(input: {petitionId: "PETITION", name: "", email: "a@example.org"}) { userErrors { code field } } }`)),
		talk("Flood", "close 4429|pong", slices.Repeat([]string{`{"type":"ping"}`}, 200)...),
		talk("FloodOfOperations", "close 4429|complete|error LIMIT_EXCEEDED, then error", manySubscriptions(200, "{ __typename }")...),
	}
	list = append(list, badInput{name: "Operations21", want: "error LIMIT_EXCEEDED|close 4429", send: func(t testing.TB, s *stage) (string, *wire) {
		w := s.initialised(t)
		w.wait(soon)
		w.say(textFrames(manySubscriptions(21, count)...))
		return w.outcome(), w
	}})
	return list
}

func manySubscriptions(n int, query string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = subscribe(fmt.Sprint(i), query)
	}
	return out
}

// One address may have 200 sockets. The others have theirs meanwhile, and so has it when one is gone.
func TestSocketsOfOneAddress(t *testing.T) {
	t.Parallel()
	s := start(t, []string{
		"PETITION_LISTEN=127.0.0.1:0", "PETITION_DATABASE_URL=" + dbtest.URL(t, database.SQLite), "PETITION_SECRET_FILE=" + t.TempDir() + "/secret.key",
	})
	from := func(address string) (*wire, string) {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		conn, err := dialer.Dial("tcp", s.Address())
		if err != nil {
			t.Skipf("this machine has no such address: %v", err)
		}
		w := newWire(conn)
		w.wait(30 * time.Second)
		refused := w.open()
		var stays sync.WaitGroup
		if refused == "" { // it begins and answers pings, however long the others take
			w.say(textFrames(`{"type":"connection_init"}`))
			w.wait(5 * time.Minute)
			stays.Go(func() {
				for m := w.message(); m.Type == "connection_ack"; m = w.message() {
				}
			})
		}
		t.Cleanup(func() {
			_ = conn.Close()
			stays.Wait()
		})
		return w, refused
	}
	var last *wire
	for i := range 200 {
		w, refused := from("127.0.0.9")
		if refused != "" {
			t.Fatalf("socket %d: %s", i, refused)
		}
		last = w
	}
	if _, said := from("127.0.0.9"); said != "503 UNAVAILABLE" {
		t.Errorf("the 201st socket was answered %q", said)
	}
	_, metrics := s.get(t, "/metrics")
	contains(t, metrics, `petitiond_refused_connections_total{cause="address",kind="open"} 1`,
		`petitiond_refused_connections_total{cause="all",kind="open"} 0`, `petitiond_refused_connections_total{cause="address",kind="plain"} 0`)
	contains(t, s.log.String(), "PETITION_MAX_SOCKETS_PER_ADDRESS")
	if _, refused := from("127.0.0.10"); refused != "" {
		t.Errorf("another address was answered %q", refused)
	}
	_ = last.Close()
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the server has yet to see it
		if _, refused := from("127.0.0.9"); refused == "" {
			break
		} else if time.Now().After(until) {
			t.Errorf("after one had gone the next was answered %q", refused)
			break
		}
	}
}
