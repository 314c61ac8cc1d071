package transport_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"petitiond/server/transport"
)

// slowly is a writer whose connection can be had only after a while, or never.
type slowly struct {
	*httptest.ResponseRecorder
	asked, release chan struct{}
	conn           net.Conn
	err            error
}

func (s *slowly) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	close(s.asked)
	<-s.release
	if s.err != nil {
		return nil, nil, s.err
	}
	return s.conn, bufio.NewReadWriter(bufio.NewReader(s.conn), bufio.NewWriter(s.conn)), nil
}

// A stop that waits no longer finds a connection that is just being taken over: it is counted out, and closed.
func TestShutdownDuringTakeOver(t *testing.T) {
	t.Parallel()
	upgrade := func(r *http.Request) {
		for name, value := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13",
			"Sec-Websocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-Websocket-Protocol": "graphql-transport-ws",
		} {
			r.Header.Set(name, value)
		}
	}
	tests := map[string]struct {
		target, accept string
		err            error
	}{
		"Socket":     {target: "/"},
		"Events":     {target: "/?query=%7Bhello%7D", accept: "text/event-stream"},
		"NeverTaken": {target: "/", err: errors.New("it cannot be had")},
		"EventsLost": {target: "/?query=%7Bhello%7D", accept: "text/event-stream", err: errors.New("it cannot be had")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := transport.New(transport.Options{Schema: newStub()})
			r := httptest.NewRequest(http.MethodGet, test.target, http.NoBody)
			if test.accept == "" {
				upgrade(r)
			} else {
				r.Header.Set("Accept", test.accept)
			}
			near, far := net.Pipe()
			defer far.Close()
			w := &slowly{httptest.NewRecorder(), make(chan struct{}), make(chan struct{}), near, test.err}
			served := make(chan struct{})
			go func() {
				defer close(served)
				tr.ServeHTTP(w, r)
			}()
			<-w.asked
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if err := tr.Shutdown(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("the stop ended with %v", err)
			}
			if open := tr.Open(); open != 0 {
				t.Errorf("%d lines are open after the stop", open)
			}
			close(w.release)
			<-served
			if open := tr.Open(); open != 0 {
				t.Errorf("%d lines are open at the end", open)
			}
			if test.err != nil {
				_ = near.Close()
			}
			_ = far.SetReadDeadline(time.Now().Add(10 * time.Second))
			if said, err := io.ReadAll(far); err != nil || strings.Contains(string(said), "101") {
				t.Errorf("the connection says %q and ends with %v", said, err)
			}
			if err := tr.Shutdown(context.Background()); err != nil {
				t.Errorf("shut down again: %v", err)
			}
		})
	}
}
