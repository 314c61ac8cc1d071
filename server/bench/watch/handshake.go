//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
)

const (
	// aSource is how many sockets use one loopback address: a server may limit them per address.
	aSource = 2500
	// bindNoPort has the kernel choose the port only when it knows both ends. Then sockets to different ends can share
	// a port, and one address suffices for more of them.
	bindNoPort = 24
)

func parseAddress(text string) (*syscall.SockaddrInet4, error) {
	at, err := netip.ParseAddrPort(text)
	if err != nil || !at.Addr().Is4() {
		return nil, fmt.Errorf("not an IPv4 address: %q", text)
	}
	return &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, nil
}

// open opens a socket and returns when it has received its first values, however long that takes: the parent process
// ends the crowd if it takes too long.
func (c *crowd) open(number int) error {
	fd, err := c.dial(number)
	if err != nil {
		return err
	}
	h := &handshake{fd: fd}
	if err := h.shake(c); err != nil {
		return errors.Join(err, syscall.Close(fd))
	}
	return c.add(&socket{fd: fd, number: number}, h.in)
}

func (c *crowd) dial(number int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("one more socket: %w", err)
	}
	source := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, byte(c.Net), byte(2 + number/aSource)}}
	err = errors.Join(
		syscall.SetsockoptInt(fd, syscall.SOL_IP, bindNoPort, 1),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.Bind(fd, source),
	)
	if err == nil {
		err = syscall.Connect(fd, c.address)
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("connecting: %w", err), syscall.Close(fd))
	}
	return fd, nil
}

// handshake is a socket that is not polled yet; in contains what has arrived but was not processed yet.
type handshake struct {
	fd int
	in []byte
}

var errRefused = errors.New("the server does not answer as expected")

const subscription = `subscription($id: ID!) { signatureCount(petitionId: $id) { total goal version asOf } }`

func (h *handshake) shake(c *crowd) error {
	switch {
	case c.Plain:
		return h.values(c)
	case c.Form == formEvents:
		return h.events(c)
	}
	request := "GET /graphql HTTP/1.1\r\nHost: " + c.Address + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
	if err := h.send([]byte(request)); err != nil {
		return err
	}
	if err := h.head("HTTP/1.1 101"); err != nil {
		return err
	}
	if err := h.send(message(`{"type":"connection_init"}`)); err != nil {
		return err
	}
	if err := h.ack(); err != nil {
		return err
	}
	var all []byte
	for i, petition := range c.Petitions {
		all = append(all, message(`{"id":"`+strconv.Itoa(i)+`","type":"subscribe","payload":`+string(operation(petition))+`}`)...)
	}
	if err := h.send(all); err != nil {
		return err
	}
	return h.values(c)
}

func message(text string) []byte { return append(appendHead(nil, opText, len(text), true), text...) }

func operation(petition string) []byte {
	text, err := json.Marshal(map[string]any{"query": subscription, "variables": map[string]string{"id": petition}})
	if err != nil {
		panic(err) // only for strings that we made
	}
	return text
}

// events asks for an event stream.
func (h *handshake) events(c *crowd) error {
	body := operation(c.Petitions[0])
	request := fmt.Appendf(nil, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"+
		"Content-Length: %d\r\n\r\n%s", c.Address, len(body), body)
	if err := h.send(request); err != nil {
		return err
	}
	if err := h.head("HTTP/1.1 200"); err != nil {
		return err
	}
	return h.values(c)
}

// values waits until as many values have arrived as there are operations, and leaves them in h.in.
func (h *handshake) values(c *crowd) error {
	for bytes.Count(h.in, asOfMark) < len(c.Petitions) {
		if bytes.Contains(h.in, []byte(`"errors"`)) || bytes.Contains(h.in, []byte(`"type":"error"`)) {
			return fmt.Errorf("%w: %.300q", errRefused, h.in)
		}
		if err := h.more(); err != nil {
			return err
		}
	}
	return nil
}

// head reads the header of an answer, which must begin like this.
func (h *handshake) head(begin string) error {
	for {
		head, rest, whole := bytes.Cut(h.in, []byte("\r\n\r\n"))
		if whole && !bytes.HasPrefix(head, []byte(begin)) {
			return fmt.Errorf("%w: %.300q", errRefused, h.in)
		}
		if whole {
			h.in = rest
			return nil
		}
		if err := h.more(); err != nil {
			return err
		}
	}
}

// ack reads the connection_ack.
func (h *handshake) ack() error {
	for {
		op, payload, length := frame(h.in)
		if length > 0 && (op != opText || !bytes.Contains(payload, []byte(`"connection_ack"`))) {
			return fmt.Errorf("%w: %.300q", errRefused, payload)
		}
		if length > 0 {
			h.in = h.in[length:]
			return nil
		}
		if err := h.more(); err != nil {
			return err
		}
	}
}

// more reads more bytes.
func (h *handshake) more() error {
	h.in = slices.Grow(h.in, 4096)
	for {
		n, err := syscall.Read(h.fd, h.in[len(h.in):cap(h.in)])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("reading: %w", err)
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		h.in = h.in[:len(h.in)+n]
		return nil
	}
}

func (h *handshake) send(data []byte) error {
	for len(data) > 0 {
		n, err := syscall.Write(h.fd, data)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		data = data[n:]
	}
	return nil
}
