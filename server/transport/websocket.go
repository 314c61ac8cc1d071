package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	stock "github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/coder/websocket"
)

const protocol = "graphql-transport-ws"

// forbiddenClose is the close code for a credential that is not known.
const forbiddenClose = 4403

// upgrades reports whether a request asks for a WebSocket.
func upgrades(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// serveSocket takes over a connection as a WebSocket. gqlgen's transport
// speaks the protocol; the frames, with their deadlines and close codes, are
// ours.
func (t *Transport) serveSocket(w http.ResponseWriter, r *http.Request) {
	ctx, f := t.admitSocket(r)
	if f != nil {
		t.refuse(w, mediaJSON, f)
		return
	}
	ctx, release, ok := t.hold(ctx)
	if !ok {
		t.refuse(w, mediaJSON, stopped())
		return
	}
	defer release()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{protocol},
		InsecureSkipVerify: true, // the origin was checked: admitSocket
	})
	if err != nil {
		return // Accept has answered
	}
	s := &socket{conn: conn, patience: t.limits.Event, stopping: t.stopping}
	defer s.wait()
	stock.Websocket{
		Implementation:   s,
		InitFunc:         t.initialize,
		InitTimeout:      t.limits.Init,
		PingPongInterval: t.limits.Ping,
		PayloadReadLimit: &t.limits.Body,
	}.Do(w, r.WithContext(ctx), t.engine)
}

// admitSocket judges a handshake before it is answered.
func (t *Transport) admitSocket(r *http.Request) (context.Context, *fault) {
	if !t.sameSite(r) {
		return nil, refusal(http.StatusForbidden, forbidden, "Pages of this origin may not open sockets here.")
	}
	offered := strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",")
	if !slices.ContainsFunc(offered, func(p string) bool { return strings.TrimSpace(p) == protocol }) {
		return nil, refusal(http.StatusBadRequest, badRequest, "Offer the WebSocket protocol "+protocol+".")
	}
	return t.identify(r.Context(), r.Header)
}

// sameSite reports whether the page that opens a socket is ours or allowed.
// Browsers always say the origin; what says none is no browser.
func (t *Transport) sameSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(t.origins, origin) {
		return true
	}
	page, err := url.Parse(origin)
	return err == nil && page.Host != "" && strings.EqualFold(page.Host, r.Host)
}

// initialize asks whose credential stands in connection_init. Without one the
// socket stays what the handshake made it.
func (t *Transport) initialize(ctx context.Context, payload stock.InitPayload) (context.Context, *stock.InitPayload, error) {
	value, present := payload["authorization"]
	if !present {
		value, present = payload["Authorization"]
	}
	if !present || value == nil {
		return ctx, nil, nil
	}
	text, _ := value.(string)
	known, f := t.authorize(ctx, text)
	if f != nil {
		return stock.AppendCloseReason(stock.WithWebsocketCloseCode(ctx, forbiddenClose), "Forbidden"), nil, errors.New("forbidden")
	}
	return known, nil, nil
}

// socket is a WebSocket that waits for nobody longer than it must.
type socket struct {
	conn     *websocket.Conn
	patience time.Duration
	stopping context.Context

	mu      sync.Mutex     // guards what follows
	silence *time.Timer    // closes the connection unless something is read
	closing bool           // the close frame is on its way
	closed  sync.WaitGroup // the closing handshake
}

var (
	_ stock.WebsocketImplementation = (*socket)(nil)
	_ stock.WebsocketConn           = (*socket)(nil)
	_ stock.WebsocketReadLimiter    = (*socket)(nil)
	_ stock.WebsocketReadDeadliner  = (*socket)(nil)
)

// Accept returns the socket, which is open already.
func (s *socket) Accept(http.ResponseWriter, *http.Request, stock.WebsocketAcceptOptions) (stock.WebsocketConn, error) {
	return s, nil
}

// Subprotocol returns the protocol that was agreed on.
func (s *socket) Subprotocol() string { return s.conn.Subprotocol() }

// SetReadLimit bounds a message that the client sends.
func (s *socket) SetReadLimit(limit int64) { s.conn.SetReadLimit(limit) }

// NextReader returns the next message.
func (s *socket) NextReader() (int, io.Reader, error) {
	kind, data, err := s.conn.Read(context.Background())
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		return 0, nil, stock.ErrWebsocketClosed
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read a message: %w", err)
	}
	return int(kind), bytes.NewReader(data), nil
}

// WriteJSON sends a message, or loses the connection if nobody takes it.
func (s *socket) WriteJSON(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	return nil
}

// WriteClose begins to close the connection. The handshake takes until the
// client answers, for which nothing waits but the end of the request.
func (s *socket) WriteClose(code int, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hush()
	if s.closing {
		return nil
	}
	s.closing = true
	status := s.closeCode(code, reason)
	s.closed.Go(func() { _ = s.conn.Close(status, reason) })
	return nil
}

// closeCode puts the protocol's own codes in place of those that gqlgen knows.
func (s *socket) closeCode(code int, reason string) websocket.StatusCode {
	switch {
	case s.stopping.Err() != nil:
		return websocket.StatusGoingAway
	case reason == "connection initialisation timeout":
		return 4408
	case code == stock.WebsocketCloseProtocolError:
		return 4400
	default:
		return websocket.StatusCode(code)
	}
}

// Close ends the connection, unless it is being closed in good order.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hush()
	if s.closing {
		return nil
	}
	return s.conn.CloseNow()
}

// SetReadDeadline ends the connection at that time; zero takes it back.
func (s *socket) SetReadDeadline(at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hush()
	if !at.IsZero() {
		s.silence = time.AfterFunc(time.Until(at), func() { _ = s.conn.CloseNow() })
	}
	return nil
}

// hush stops the timer that waits for a sign of life. It needs mu.
func (s *socket) hush() {
	if s.silence != nil {
		s.silence.Stop()
		s.silence = nil
	}
}

// wait returns when the connection is gone.
func (s *socket) wait() {
	_ = s.Close()
	s.closed.Wait()
	// A client that does not answer a close frame keeps the handshake open for a while only.
	_ = s.conn.CloseNow()
}
