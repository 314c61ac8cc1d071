//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// roleFloor is the part of the plain write loop.
const roleFloor = "floor"

// playFloor writes the same bytes as the server would to every connection, one after another, each time that it reads a
// version. No goroutine belongs to a connection, and nothing is encoded but once for all: what remains is the kernel's.
func playFloor(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return io.ErrUnexpectedEOF
	}
	var form string
	var operations int
	if _, err := fmt.Sscan(lines.Text(), &form, &operations); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // ends with the process
	if err != nil {
		return err
	}
	fmt.Fprintln(out, listener.Addr())
	connections := make(chan net.Conn)
	go accept(listener, connections)
	versions := make(chan int64, 1)
	go func() {
		defer close(versions)
		for lines.Scan() {
			if v, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				newest(versions, v)
			}
		}
	}()
	return write(form, operations, connections, versions)
}

func accept(listener net.Listener, connections chan<- net.Conn) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		connections <- conn
	}
}

// newest puts a version in the place of one that was not taken: who is late skips what is old, as the hub does.
func newest(versions chan int64, v int64) {
	select {
	case <-versions:
	default:
	}
	versions <- v
}

// write tells the present version to who comes, and a new one to all.
func write(form string, operations int, connections <-chan net.Conn, versions <-chan int64) error {
	var all []net.Conn
	now := appendValues(nil, form, operations, 0, time.Now())
	for {
		select {
		case conn := <-connections:
			all = append(all, conn)
			_, _ = conn.Write(now) // who has gone needs none
		case v, ok := <-versions:
			if !ok {
				return nil
			}
			now = appendValues(now[:0], form, operations, v, time.Now())
			for _, conn := range all {
				_, _ = conn.Write(now)
			}
		}
	}
}

// appendValues appends what the server sends at once to a socket: a value of each operation.
func appendValues(to []byte, form string, operations int, version int64, at time.Time) []byte {
	for i := range operations {
		data := fmt.Sprintf(`{"data":{"signatureCount":{"total":%d,"goal":100,"version":%d,"asOf":%q}}}`,
			version, version, at.UTC().Format("2006-01-02T15:04:05.000000Z"))
		if form == formEvents {
			event := "event: next\ndata: " + data + "\n\n"
			to = fmt.Appendf(to, "%x\r\n%s\r\n", len(event), event)
			continue
		}
		message := `{"id":"` + strconv.Itoa(i) + `","type":"next","payload":` + data + `}`
		to = append(appendHead(to, opText, len(message), false), message...)
	}
	return to
}
