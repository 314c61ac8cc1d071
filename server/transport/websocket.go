package transport

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"petitiond/server/errcode"
	"petitiond/server/transport/connection"
	"petitiond/server/transport/credential"
	"petitiond/server/transport/fault"
	"petitiond/server/transport/requestid"
	"petitiond/server/transport/socket"
)

const protocol = "graphql-transport-ws"

// opener opens long-lived connections: WebSockets and event streams.
type opener struct {
	intake      *intake
	authority   *credential.Authority
	connections *connection.Keeper
}

// upgrades reports whether a request asks for a WebSocket, or did so before a proxy has dropped the header Upgrade, as
// proxies do that are not told otherwise. They pass on the key.
func upgrades(r *http.Request) bool {
	return r.Method == http.MethodGet &&
		(strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || len(r.Header["Sec-Websocket-Key"]) > 0)
}

// serveSocket takes over a connection as a WebSocket.
func (o *opener) serveSocket(w http.ResponseWriter, r *http.Request) {
	who, f := o.admitSocket(w, r)
	if f != nil {
		refuse(w, mediaJSON, f)
		return
	}
	c, f := o.open(connection.Socket, r, who)
	if f != nil {
		refuse(w, mediaJSON, f)
		return
	}
	spoken := slices.Contains(socket.Protocols(r.Header), protocol)
	head := w.Header().Clone()
	head.Set("Upgrade", "websocket")
	head.Set("Connection", "Upgrade")
	head.Set("Sec-WebSocket-Accept", socket.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
	// A client without the protocol is answered and then closed with 4406: of a handshake that is refused, a page
	// learns nothing.
	begin := connection.WithoutProtocol
	if spoken {
		head.Set("Sec-WebSocket-Protocol", protocol)
		begin = connection.WithNothing
	}
	o.takeOver(w, c, http.StatusSwitchingProtocols, head, "", begin)
}

// admitSocket checks a handshake before it is answered.
func (o *opener) admitSocket(w http.ResponseWriter, r *http.Request) (credential.Identity, *fault.Fault) {
	if o.intake.origins.of(r) < reads { // nothing else keeps a page from reading over a socket
		return credential.Identity{}, fault.New(http.StatusForbidden, errcode.Forbidden, "Pages of this origin may not open WebSockets on this server.")
	}
	if err := socket.CheckUpgrade(r.Header, r.Method, r.ProtoMajor, r.ProtoMinor); err != nil {
		status, message := http.StatusBadRequest, "This is not a valid WebSocket handshake (RFC 6455)."
		switch {
		case errors.Is(err, socket.ErrVersion):
			w.Header().Set("Sec-WebSocket-Version", "13")
			status = http.StatusUpgradeRequired
		case errors.Is(err, socket.ErrUpgrade):
			w.Header().Set("Upgrade", "websocket")
			status, message = http.StatusUpgradeRequired, "A WebSocket handshake needs HTTP/1.1 and the headers Upgrade: websocket and "+
				"Connection: Upgrade. They did not arrive: a proxy in front of the server must pass them on."
		}
		return credential.Identity{}, fault.New(status, errcode.BadRequest, message)
	}
	if r.ContentLength != 0 { // its bytes would be taken for frames
		return credential.Identity{}, fault.New(http.StatusBadRequest, errcode.BadRequest, "A WebSocket handshake has no body.")
	}
	return identify(o.authority, r)
}

// open registers the connection that a request asks for.
func (o *opener) open(p connection.Protocol, r *http.Request, who credential.Identity) (*connection.Conn, *fault.Fault) {
	return o.connections.Open(connection.Opening{
		// Cloned, since the id may be a part of the request's header and the connection lives for hours.
		Protocol: p, Request: strings.Clone(requestid.ID(r.Context())), Address: o.intake.network(r), Who: who,
		Forbid: o.intake.origins.of(r).forbid,
	})
}

// Network returns the network that counts as one address in limits: an IPv4 address, or the /64 that one household
// usually has in IPv6. It is the zero prefix if there is no address.
func Network(address netip.Addr) netip.Prefix {
	address = address.Unmap()
	bits := 32
	if address.Is6() {
		bits = 64
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

// takeOver hijacks the connection from net/http, and sends the head of the response and what follows it.
func (o *opener) takeOver(
	w http.ResponseWriter, c *connection.Conn, status int, head http.Header, after string, begin connection.Beginning,
) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		c.Abandon()
		refuse(w, mediaJSON, fault.New(http.StatusInternalServerError, errcode.Internal, "This connection cannot be kept open."))
		return
	}
	var first bytes.Buffer
	first.WriteString("HTTP/1.1 " + statusLine(status) + "\r\n")
	_ = head.Write(&first) // a buffer takes everything
	first.WriteString("\r\n" + after)
	// What a client has sent behind its request is in net/http's buffer already, and would be lost.
	rest, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	c.Adopt(conn, rest, first.Bytes(), begin)
}
