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

// roleFloor is the role of the plain write loop, the least that any server can need.
const roleFloor = "floor"

// playFloor writes the bytes that the server would send to every connection, one after another, each time that it reads
// a version. Connections have no goroutines, and every value is encoded only once: what remains is the work of the
// kernel.
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

// newest replaces a version that has not been received yet, so that a late receiver skips old ones, as with the hub.
func newest(versions chan int64, v int64) {
	select {
	case <-versions:
	default:
	}
	versions <- v
}

// write sends the current version to new connections, and a new version to all.
func write(form string, operations int, connections <-chan net.Conn, versions <-chan int64) error {
	var all []net.Conn
	now := appendValues(nil, form, operations, 0, time.Now())
	for {
		select {
		case conn := <-connections:
			all = append(all, conn)
			_, _ = conn.Write(now) // an error means that the client has gone
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

// appendValues appends what the server sends to a socket at a time: a value of each operation.
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
