package socket

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Opcode says what a frame carries.
type Opcode byte

// The opcodes of RFC 6455; all others are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	CloseFrame   Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xa
)

const (
	finBit     = 0x80 // of the first byte: the last fragment of a message
	reserved   = 0x70 // of the first byte: extensions
	opcodeBits = 0x0f // of the first byte
	maskBit    = 0x80 // of the second byte
	lengthBits = 0x7f // of the second byte

	length16 = 126 // the length is in the next two bytes
	length64 = 127 // the length is in the next eight bytes

	maxHeader  = 2 + 8 + 4 // with a long length and a mask
	maxControl = 125       // bytes of a control frame's payload
	maxReason  = maxControl - 2
)

func (o Opcode) control() bool { return o >= CloseFrame }

func (o Opcode) known() bool { return o <= Binary || o >= CloseFrame && o <= Pong }

// AppendFrame appends a whole message in one frame, unmasked as a server's frames are.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendHeader appends the header of a frame whose payload has that size. The caller can then append the payload in
// pieces.
func AppendHeader(dst []byte, op Opcode, size int) []byte {
	dst = append(dst, finBit|byte(op))
	switch {
	case size < length16:
		return append(dst, byte(size))
	case size <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, length16), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, length64), uint64(size))
	}
}

// AppendClose appends a close frame. A reason that is too long is cut; [NoStatus] makes a frame without a payload.
func AppendClose(dst []byte, code int, reason string) []byte {
	if code == NoStatus {
		return AppendHeader(dst, CloseFrame, 0)
	}
	reason = shorten(reason)
	dst = AppendHeader(dst, CloseFrame, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// shorten cuts a reason to what a close frame can hold, between two runes.
func shorten(reason string) string {
	reason = strings.ToValidUTF8(reason, "")
	if len(reason) <= maxReason {
		return reason
	}
	end := maxReason
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}

// unmask removes a client's mask, and returns the mask rotated for the bytes that follow. The low byte of mask is the
// first byte of the key.
func unmask(b []byte, mask uint32) uint32 {
	// Eight bytes at a time: every byte that a client sends goes through here.
	wide := uint64(mask)<<32 | uint64(mask)
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
	}
	for i := range b {
		b[i] ^= byte(mask)
		mask = bits.RotateLeft32(mask, -8)
	}
	return mask
}
