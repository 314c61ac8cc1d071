package transport_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStreamsThatAreResetAtOnce has clients ask for event streams and reset their connections: before the stream
// begins, while it does, and after it. Nothing of them may be kept.
func TestStreamsThatAreResetAtOnce(t *testing.T) {
	t.Parallel()
	tr, server := serveKeeping(t, 64<<20)
	address := strings.TrimPrefix(server, "http://")
	for _, accept := range []string{"text/event-stream", `multipart/mixed;subscriptionSpec="1.0"`} {
		for _, long := range []int{0, 100_000} {
			for n := range 60 {
				body := query(distinct(fmt.Sprintf("r%d", n)) + strings.Repeat(" ", long))
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: 192.0.2.%d\r\nContent-Type: application/json\r\n"+
					"Accept: %s\r\nContent-Length: %d\r\n\r\n%s", n, accept, len(body), body)
				if err != nil {
					t.Fatal(err)
				}
				// From at once to when it has surely begun: whichever it is, nothing may stay.
				time.Sleep(time.Duration(n) * 50 * time.Microsecond)
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
		}
	}
	eventually(t, "nothing is open", func() bool { return tr.Open() == 0 })
	eventually(t, "nothing is kept", func() bool { return tr.Kept() == 0 && tr.TakenByRequests() == 0 })
	if got := ask(t, http.MethodPost, server, hello, from(1)); got.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}
