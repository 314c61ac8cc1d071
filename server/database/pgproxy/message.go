package pgproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// longest is the length above which a message must be a mistake.
const longest = 64 << 20

// errNoMessage ends a connection on which the proxy has lost track of the messages.
var errNoMessage = errors.New("pgproxy: this is not a message of PostgreSQL")

// Side is one end of a connection.
type Side int

// The two sides.
const (
	Program Side = iota
	Server
)

// Message is one message of the protocol.
type Message struct {
	Conn    int // number of the connection
	From    Side
	Session string // the application_name of the connection
	Bytes   []byte // all of it; the first message of a connection has no byte for its type
}

// Is reports whether the message is a query that was sent without arguments, such as COMMIT.
func (m Message) Is(query string) bool {
	return len(m.Bytes) == len(query)+6 && m.Bytes[0] == 'Q' && string(m.Bytes[5:len(m.Bytes)-1]) == query
}

// Fate is what happens to a message, and to its connection.
type Fate int

// What can happen to a message. All but the first cut the connection.
const (
	Pass      Fate = iota
	CutBefore      // it does not arrive
	CutAmid        // half of it arrives
	CutAfter       // it arrives, and nothing after it
)

// readMessage reads a message. Its length follows so many bytes, which are not included in the length.
func readMessage(in *bufio.Reader, before int) ([]byte, error) {
	head := make([]byte, before+4)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(head[before:])) - 4
	if length < 0 || length > longest {
		return nil, errNoMessage
	}
	message := append(head, make([]byte, length)...)
	_, err := io.ReadFull(in, message[len(head):])
	return message, err
}

// sessionOf returns the application_name in the first message of a connection.
func sessionOf(first []byte) string {
	_, rest, _ := bytes.Cut(first, []byte("application_name\x00"))
	name, _, _ := bytes.Cut(rest, []byte{0})
	return string(name)
}

// starting is the answer of a server that is not ready yet: an error with severity, code and text.
func starting() []byte {
	text := "SFATAL\x00VFATAL\x00C57P03\x00Mthe database system is starting up\x00\x00"
	return append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(text)+4)), text...)
}
