package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// wire is a connection on which a test says exactly what it means to, and keeps what came back byte for byte.
type wire struct {
	net.Conn
	in   *bufio.Reader
	came bytes.Buffer
}

// wire connects with a site until the test ends.
func (s *site) wire(t testing.TB) *wire {
	t.Helper()
	w, err := dialWire(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func dialWire(address string) (*wire, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return newWire(conn), nil
}

func newWire(conn net.Conn) *wire {
	w := &wire{Conn: conn}
	w.in = bufio.NewReader(io.TeeReader(conn, &w.came))
	return w
}

// say writes without looking: a server that has closed the connection tells by what it said before.
func (w *wire) say(text string) { _, _ = w.Write([]byte(text)) }

// wait bounds how long the next reads may take.
func (w *wire) wait(d time.Duration) { _ = w.SetReadDeadline(time.Now().Add(d)) }

// lost says in a word why nothing more is read.
func lost(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "silent"
	}
	return "closed"
}

// answer reads an answer of HTTP and says it in a word: its status, then the codes in it or ok.
func (w *wire) answer() string {
	for {
		response, err := http.ReadResponse(w.in, nil)
		if err != nil {
			return lost(err)
		}
		if response.StatusCode == http.StatusContinue {
			continue
		}
		defer response.Body.Close()
		body := io.Reader(response.Body)
		if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
			body = firstEvent(response.Body)
		}
		raw, _ := io.ReadAll(io.LimitReader(body, 1<<20)) // what is missing shows in the word
		return strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, codes(raw)))
	}
}

// firstEvent returns the data of the first event of a stream.
func firstEvent(stream io.Reader) io.Reader {
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			return strings.NewReader(data)
		}
	}
	return strings.NewReader("")
}

// graphQL is any answer of it.
type graphQL struct {
	Data   map[string]json.RawMessage
	Errors []struct {
		Message    string
		Extensions struct {
			Code  string
			Limit any
		}
	}
}

// codes returns the codes of an answer: of the first of its errors or, where there is none, of all userErrors with
// their fields. It is ok if there are neither, and empty if the answer is none of GraphQL's.
func codes(raw []byte) string {
	var a graphQL
	if json.Unmarshal(raw, &a) != nil {
		return ""
	}
	if len(a.Errors) > 0 {
		return codeOf(a)
	}
	var out []string
	for _, field := range a.Data {
		payload := struct {
			UserErrors []struct {
				Code  string
				Field []string
			}
		}{}
		_ = json.Unmarshal(field, &payload) // a field of another form has none
		for _, e := range payload.UserErrors {
			out = append(out, strings.TrimSpace(e.Code+" "+strings.Join(e.Field, ".")))
		}
	}
	if len(out) == 0 {
		return "ok"
	}
	return strings.Join(out, ", ")
}

// codeOf returns the code of the first error, or what is wrong with the errors.
func codeOf(a graphQL) string {
	first := a.Errors[0].Extensions
	switch {
	case len(a.Errors) > 10:
		return fmt.Sprintf("%d errors", len(a.Errors))
	case first.Code == "LIMIT_EXCEEDED" && first.Limit == nil:
		return "LIMIT_EXCEEDED without a limit"
	}
	for _, e := range a.Errors {
		if n := len([]rune(e.Message)); n > 200 {
			return fmt.Sprintf("a message of %d characters", n)
		}
	}
	return first.Code
}

// upgrade is the request that makes a WebSocket of a connection. What follows a name in headers replaces the header.
func upgrade(host string, headers ...string) string {
	lines := []string{
		"Host: " + host, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: graphql-transport-ws",
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		replaced := false
		for i, line := range lines {
			if strings.HasPrefix(line, name+":") {
				lines[i], replaced = header, true
				if value == "" {
					lines = append(lines[:i], lines[i+1:]...)
				}
				break
			}
		}
		if !replaced {
			lines = append(lines, header)
		}
	}
	return "GET /graphql HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// open asks for a WebSocket, and says in a word what was answered where that is something else.
func (w *wire) open(headers ...string) string {
	w.say(upgrade(w.RemoteAddr().String(), headers...))
	response, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return lost(err)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return ""
	}
	defer response.Body.Close()
	raw, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20)) // what is missing shows in the word
	return strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, codes(raw)))
}

// The kinds of WebSocket frames.
const (
	opContinue = 0x0
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xA
	opFinal    = 0x80 // added to the kind: the last frame of its message
)

// frame returns a frame as clients send it, with a mask that changes nothing. Its first byte is as it is told.
func frame(first byte, payload string) string {
	return frameHead(first, len(payload)) + "\x00\x00\x00\x00" + payload
}

// frameHead returns the head of a frame up to the mask.
func frameHead(first byte, length int) string {
	head := []byte{first, 0x80}
	switch {
	case length < 126:
		head[1] |= byte(length)
	case length < 1<<16:
		head[1] |= 126
		head = binary.BigEndian.AppendUint16(head, uint16(length))
	default:
		head[1] |= 127
		head = binary.BigEndian.AppendUint64(head, uint64(length))
	}
	return string(head)
}

// textFrames gives text messages, each in one frame.
func textFrames(messages ...string) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(frame(opFinal|opText, m))
	}
	return b.String()
}

// next reads a frame. Servers cut no message of this API into several.
func (w *wire) next() (op byte, payload []byte, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(w.in, head); err != nil {
		return 0, nil, err
	}
	length := uint64(head[1])
	switch length {
	case 126:
		long := make([]byte, 2)
		_, err = io.ReadFull(w.in, long)
		length = uint64(binary.BigEndian.Uint16(long))
	case 127:
		long := make([]byte, 8)
		_, err = io.ReadFull(w.in, long)
		length = binary.BigEndian.Uint64(long)
	}
	if err != nil || length > 1<<20 {
		return 0, nil, errors.Join(err, errors.New("no frame of a server"))
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(w.in, payload)
	return head[0] & 0xF, payload, err
}

// message is one of graphql-transport-ws.
type message struct {
	ID      string
	Type    string
	Payload json.RawMessage
}

// message reads the next message and answers pings. The end of the connection is a message of the type that tells it
// in a word.
func (w *wire) message() message {
	for {
		op, payload, err := w.next()
		switch {
		case err != nil:
			return message{Type: lost(err)}
		case op == opPing:
			w.say(frame(opFinal|opPong, string(payload)))
		case op == opClose && len(payload) < 2:
			return message{Type: "close"}
		case op == opClose:
			return message{Type: fmt.Sprintf("close %d", binary.BigEndian.Uint16(payload))}
		case op == opText:
			var m message
			if err := json.Unmarshal(payload, &m); err != nil {
				return message{Type: fmt.Sprintf("no message: %.50q", payload)}
			}
			if m.Type != "ping" {
				return m
			}
			w.say(textFrames(`{"type":"pong"}`))
		}
	}
}

// outcome reads on until something is decided, and says it in a word: how the connection ended, that a ping was
// answered, or how an operation ended.
func (w *wire) outcome() string {
	results := "complete"
	for {
		switch m := w.message(); m.Type {
		case "connection_ack":
		case "next":
			if c := codes(m.Payload); c != "ok" {
				results = "next " + c
			}
		case "complete":
			return results
		case "error":
			return "error " + codes([]byte(`{"errors":`+string(m.Payload)+`}`)) + w.after()
		default:
			return m.Type
		}
	}
}

// after tells what follows the error of an operation, where that is not the answer to a ping.
func (w *wire) after() string {
	w.say(textFrames(`{"type":"ping"}`))
	for {
		switch m := w.message(); m.Type {
		case "pong":
			return ""
		case "next": // of another operation
		default:
			return ", then " + m.Type
		}
	}
}

// initialised opens a WebSocket that was acknowledged.
func (s *site) initialised(t testing.TB) *wire {
	t.Helper()
	w := s.wire(t)
	if err := w.initialise(); err != nil {
		t.Fatal(err)
	}
	return w
}

// initialise makes a connection an acknowledged WebSocket.
func (w *wire) initialise() error {
	w.wait(30 * time.Second)
	if refused := w.open(); refused != "" {
		return fmt.Errorf("no WebSocket: %s", refused)
	}
	w.say(textFrames(`{"type":"connection_init"}`))
	if m := w.message(); m.Type != "connection_ack" {
		return fmt.Errorf("want connection_ack, got %+v", m)
	}
	return nil
}

// quote returns a text as JSON has it.
func quote(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string has a form
	}
	return string(raw)
}

// subscribe returns the message that begins an operation.
func subscribe(id, query string) string {
	return `{"id":` + quote(id) + `,"type":"subscribe","payload":{"query":` + quote(query) + `}}`
}
