package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"
)

// attack opens sockets and sends on them what no well-behaved client would, something else each time, until it is
// disconnected.
func (t *site) attack(ctx context.Context, i int) {
	names := make([]string, 9000)
	for n := range names {
		names[n] = fmt.Sprintf(`"%d":0`, n)
	}
	wide := `{"type":"pong","payload":{` + strings.Join(names, ",") + `}}`
	subscribe := fmt.Sprintf(`{"id":"%%d","type":"subscribe","payload":{"query":"subscription { signatureCount(petitionId: \"%s\") { total petition { bodyHtml a: bodyHtml } } }"}}`, t.petitions[0].id)
	ways := []func(conn net.Conn){
		func(conn net.Conn) { // many names
			for range 100 {
				if say(conn, 1, wide[:min(len(wide), 65_000)]) != nil || !pause(ctx, 50*time.Millisecond) {
					return
				}
			}
		},
		func(conn net.Conn) { // half a message, then silence
			_, _ = conn.Write([]byte{0x81, 0xfe, 0xff})
			pause(ctx, 12*time.Second)
		},
		func(conn net.Conn) { // subscribes, but never reads
			for n := range 20 {
				_ = say(conn, 1, fmt.Sprintf(subscribe, n))
			}
			pause(ctx, 15*time.Second)
		},
		func(conn net.Conn) { // noise
			noise := make([]byte, 4096)
			for n := range noise {
				noise[n] = byte(rand.Uint32()) //nolint:gosec // noise
			}
			_, _ = conn.Write(noise)
			pause(ctx, time.Second)
		},
		func(conn net.Conn) { // operations that must be refused
			for n := range 50 {
				_ = say(conn, 1, fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"{ nothing%d }"}}`, n, n))
			}
			pause(ctx, time.Second)
		},
	}
	for n := i; ctx.Err() == nil; n++ {
		if conn := t.socket(ctx, i); conn != nil {
			ways[n%len(ways)](conn)
			_ = conn.Close()
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// socket opens a WebSocket and sends connection_init.
func (t *site) socket(ctx context.Context, i int) net.Conn {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.server(i).Address)
	if err != nil {
		return nil
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = fmt.Fprintf(conn, "GET /graphql HTTP/1.1\r\nHost: soak\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n")
	if _, err := conn.Read(make([]byte, 1024)); err != nil || say(conn, 1, `{"type":"connection_init"}`) != nil {
		_ = conn.Close()
		return nil
	}
	return conn
}

// say sends one frame, masked with zeros.
func say(conn net.Conn, opcode byte, text string) error {
	frame := []byte{0x80 | opcode}
	switch n := len(text); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(append(frame, 0, 0, 0, 0), text...)
	_, err := conn.Write(frame)
	return err
}

// idleAround opens connections, sends nothing or a part of a request on them, and waits until the server closes them.
func (t *site) idleAround(ctx context.Context, i int) {
	parts := []string{
		"", "GET / HTTP/1.1\r\nHost: soak\r\n", "GET /healthz HTTP/1.1\r\nHost: soak\r\nContent-Length: 10\r\n\r\n",
		"POST /graphql HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"PUT /graphql HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n",
	}
	for n := i; ctx.Err() == nil; n++ {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.server(i).Address)
		if err != nil {
			pause(ctx, time.Second)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		_, _ = conn.Write([]byte(parts[n%len(parts)]))
		_ = conn.SetReadDeadline(time.Now().Add(90 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			t.fails("idle connections", fmt.Errorf("a connection that sent %q was open for 90 s", parts[n%len(parts)]))
		}
		stop()
		_ = conn.Close()
		pause(ctx, 200*time.Millisecond)
	}
}
