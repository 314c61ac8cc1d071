package socket

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 names it; the digest shows that a server speaks WebSocket, and guards nothing
	"encoding/base64"
	"errors"
	"net/http"
	"slices"

	"petitiond/server/httpheader"
)

// Why a request is not a valid handshake.
var (
	// ErrMethod is for 405: a handshake is a GET.
	ErrMethod = errors.New("a WebSocket is opened by GET")
	// ErrUpgrade is for 426: the request does not ask for a WebSocket, or not by HTTP/1.1.
	ErrUpgrade = errors.New("a WebSocket needs HTTP/1.1 with Connection: Upgrade and Upgrade: websocket")
	// ErrVersion is for 426 with Sec-WebSocket-Version: 13.
	ErrVersion = errors.New("the version of WebSocket must be 13")
	// ErrKey is for 400.
	ErrKey = errors.New("Sec-WebSocket-Key must be 16 bytes in base64")
)

const (
	suffix  = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // of a key, by RFC 6455
	version = "13"
)

// AcceptKey returns the Sec-WebSocket-Accept for a Sec-WebSocket-Key.
func AcceptKey(key string) string {
	digest := sha1.Sum([]byte(key + suffix)) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(digest[:])
}

// CheckUpgrade reports what a request lacks to be a handshake, as one of the errors above.
func CheckUpgrade(h http.Header, method string, protoMajor, protoMinor int) error {
	switch {
	case method != http.MethodGet:
		return ErrMethod
	case protoMajor != 1, protoMinor < 1, !httpheader.Lists(h["Connection"], "upgrade"), !httpheader.Lists(h["Upgrade"], "websocket"):
		return ErrUpgrade
	case httpheader.Only(h["Sec-Websocket-Version"]) != version:
		return ErrVersion
	}
	key, err := base64.StdEncoding.DecodeString(httpheader.Only(h["Sec-Websocket-Key"]))
	if err != nil || len(key) != 16 {
		return ErrKey
	}
	return nil
}

// Protocols returns the subprotocols that a client offers, the one it likes best first.
func Protocols(h http.Header) []string {
	return slices.Collect(httpheader.Elements(h["Sec-Websocket-Protocol"]))
}
