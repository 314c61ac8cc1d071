//go:build linux

package main

import "encoding/binary"

// The types of WebSocket frames that matter here.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// appendHead appends the header of an unfragmented frame. A client's mask is zero, so that masking changes nothing.
func appendHead(to []byte, op byte, length int, mask bool) []byte {
	masked := byte(0)
	if mask {
		masked = 0x80
	}
	to = append(to, 0x80|op)
	if length < 126 {
		to = append(to, masked|byte(length))
	} else {
		to = binary.BigEndian.AppendUint16(append(to, masked|126), uint16(length))
	}
	if mask {
		to = append(to, 0, 0, 0, 0)
	}
	return to
}

// frame returns the first frame in data from a server, and its length with the header: 0 if it is incomplete.
func frame(data []byte) (op byte, payload []byte, length int) {
	if len(data) < 2 {
		return 0, nil, 0
	}
	head, size := 2, int(data[1]&0x7f)
	switch size {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	if len(data) < head {
		return 0, nil, 0
	}
	switch size {
	case 126:
		size = int(binary.BigEndian.Uint16(data[2:]))
	case 127:
		size = int(binary.BigEndian.Uint64(data[2:]))
	}
	if len(data)-head < size {
		return 0, nil, 0
	}
	return data[0] & 0xf, data[head : head+size], head + size
}
