package transport_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"petitiond/server/transport"
)

// members is an object with so many of them.
func members(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, `,"%d":0`, i)
	}
	return "{" + s.String()[1:] + "}"
}

// Whichever way JSON comes, an object in it has at most 1,000 members.
func TestMembersAreBounded(t *testing.T) {
	t.Parallel()
	_, server := serve(t, transport.Options{Schema: protocolSchema()})
	for n, code := range map[int]string{1000: "", 1001: "BAD_REQUEST"} {
		body := `{"query":"{ hello }","extensions":` + members(n) + `}`
		if got := ask(t, http.MethodPost, server, body); got.code() != code {
			t.Errorf("POST with %d: %d %s", n, got.status, got.body)
		}
		target := server + "?query={hello}&extensions=" + url.QueryEscape(members(n))
		if got := ask(t, http.MethodGet, target, ""); got.code() != code {
			t.Errorf("GET with %d: %d %s", n, got.status, got.body)
		}
		conn := open(t, server, `{}`)
		tell(t, conn, message{ID: "1", Type: "subscribe", Payload: []byte(body)})
		if code == "" {
			if got := hear(t, conn); got.Type != "next" {
				t.Errorf("subscribe with %d: %+v", n, got)
			}
		} else if got := parting(t, conn); got != websocket.StatusCode(4400) {
			t.Errorf("subscribe with %d: closed with %d, want 4400", n, got)
		}
	}
}
