package socket_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"petitiond/server/transport/socket"
)

const fin = 0x80

// key is the mask that the frames of these tests bear.
var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame is a client's frame; first is the first byte of its header.
func frame(first byte, payload string) []byte { return masked(first, key, payload) }

func masked(first byte, key [4]byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

func text(payload string) []byte { return frame(fin|byte(socket.Text), payload) }

// begin, more and end are fragments of a text message.
func begin(payload string) []byte { return frame(byte(socket.Text), payload) }
func more(payload string) []byte  { return frame(byte(socket.Continuation), payload) }
func end(payload string) []byte   { return frame(fin|byte(socket.Continuation), payload) }

func control(op socket.Opcode, payload string) []byte { return frame(fin|byte(op), payload) }

// farewell is a close frame.
func farewell(code int, reason string) []byte {
	return control(socket.CloseFrame, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

func join(frames ...[]byte) []byte { return slices.Concat(frames...) }

// event is what a Reader told.
type event struct {
	Op      socket.Opcode
	Payload string
}

// feed passes a Reader one piece after the other, each in a buffer of its own
// that is overwritten afterwards, as a shared one is.
func feed(r *socket.Reader, pieces ...[]byte) (events []event, err error) {
	for _, piece := range pieces {
		buffer := slices.Clone(piece)
		err = r.Read(buffer, func(op socket.Opcode, payload []byte) error {
			events = append(events, event{op, string(payload)})
			return nil
		})
		if err != nil {
			return events, err
		}
		for i := range buffer {
			buffer[i] = 0xff
		}
	}
	return events, nil
}

// bytewise cuts data into single bytes.
func bytewise(data []byte) [][]byte { return slices.Collect(slices.Chunk(data, 1)) }

// torn cuts data at random.
func torn(data []byte, random *rand.Rand) (pieces [][]byte) {
	for len(data) > 0 {
		n := 1 + random.IntN(min(len(data), 1<<random.IntN(12)))
		pieces, data = append(pieces, data[:n]), data[n:]
	}
	return pieces
}

// code returns the code of a Closing, or 0.
func code(err error) int {
	var closing *socket.Closing
	if errors.As(err, &closing) {
		return closing.Code
	}
	return 0
}

func long(n int) string { return strings.Repeat("x", n) }
