package socket_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/transport/socket"
)

func TestAcceptKey(t *testing.T) {
	t.Parallel()
	// The example of RFC 6455, 1.3.
	if got := socket.AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %s", got)
	}
}

func TestCheckUpgrade(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		headers string // "Name: value", one a line; they replace those of a good handshake, or remove them
		want    error
	}{
		{"Good", "", nil},
		{"ConnectionList", "Connection: keep-alive, Upgrade", nil},
		{"ConnectionLines", "Connection: keep-alive\nConnection: Upgrade", nil},
		{"ConnectionCase", "Connection: UPGRADE", nil},
		{"UpgradeCase", "Upgrade: WebSocket", nil},
		{"UpgradeList", "Upgrade: h2c, websocket", nil},
		{"NoConnection", "Connection:", socket.ErrUpgrade},
		{"KeepAlive", "Connection: keep-alive", socket.ErrUpgrade},
		{"NoUpgrade", "Upgrade:", socket.ErrUpgrade},
		{"OtherUpgrade", "Upgrade: h2c", socket.ErrUpgrade},
		{"UpgradeWithMore", "Upgrade: websocket2", socket.ErrUpgrade},
		{"NoVersion", "Sec-WebSocket-Version:", socket.ErrVersion},
		{"OldVersion", "Sec-WebSocket-Version: 8", socket.ErrVersion},
		{"Versions", "Sec-WebSocket-Version: 13, 8", socket.ErrVersion},
		{"VersionTwice", "Sec-WebSocket-Version: 13\nSec-WebSocket-Version: 13", socket.ErrVersion},
		{"NoKey", "Sec-WebSocket-Key:", socket.ErrKey},
		{"ShortKey", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA", socket.ErrKey},
		{"LongKey", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=", socket.ErrKey},
		{"UnpaddedKey", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA", socket.ErrKey},
		{"KeyNotBase64", "Sec-WebSocket-Key: !AAAAAAAAAAAAAAAAAAAAA==", socket.ErrKey},
		{"KeyTwice", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", socket.ErrKey},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := socket.CheckUpgrade(handshake(test.headers), http.MethodGet, 1, 1); got != test.want { //nolint:errorlint // these are not wrapped
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	if got := socket.CheckUpgrade(handshake(""), http.MethodPost, 1, 1); got != socket.ErrMethod { //nolint:errorlint // as above
		t.Errorf("POST: %v", got)
	}
	for _, version := range [][2]int{{0, 9}, {1, 0}, {2, 0}} {
		got := socket.CheckUpgrade(handshake(""), http.MethodGet, version[0], version[1])
		if got != socket.ErrUpgrade { //nolint:errorlint // as above
			t.Errorf("HTTP/%d.%d: %v", version[0], version[1], got)
		}
	}
}

func handshake(headers string) http.Header {
	h := http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	if headers == "" {
		return h
	}
	lines := strings.Split(headers, "\n")
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		h.Del(name)
	}
	for _, line := range lines {
		if name, value, found := strings.Cut(line, ": "); found {
			h.Add(name, value)
		}
	}
	return h
}

func TestProtocols(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"None", nil, nil},
		{"Empty", []string{""}, nil},
		{"One", []string{"graphql-transport-ws"}, []string{"graphql-transport-ws"}},
		{"InOrder", []string{"b, a"}, []string{"b", "a"}},
		{"Lines", []string{"b,\ta ", ",c"}, []string{"b", "a", "c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := socket.Protocols(http.Header{"Sec-Websocket-Protocol": test.lines})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("protocols (-want +got):\n%s", diff)
			}
		})
	}
}
