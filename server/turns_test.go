package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"petitiond/server/turns"
)

// TestAddressesTakeTurnsToRead has one address take every connection for what takes long, and wait for more of them.
// Another, behind the same proxy, has the first that is given back, in whatever way it asks.
func TestAddressesTakeTurnsToRead(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, environment []string) {
		s := start(t, append(environment, "PETITION_TRUSTED_PROXIES=127.0.0.1"))
		id, _ := s.open(t)
		const one, other = "192.0.2.1", "192.0.2.2"
		busy, stop := context.WithCancel(turns.From(t.Context(), netip.MustParsePrefix(one+"/32")))
		defer stop()
		held, proceed := make(chan struct{}), make(chan struct{})
		hold := func() {
			rows, err := s.db.Ask(busy, "SELECT 1")
			if err != nil { // the end
				return
			}
			held <- struct{}{}
			<-proceed
			_ = rows.Close()
		}
		places := s.db.Read.Stats().MaxOpenConnections
		for range places {
			go hold()
			<-held
		}
		waiting := 20
		for range waiting {
			go hold()
		}
		history := fmt.Sprintf(`petition%%s { signatureHistory(interval: DAY, from: %q) { total } }`,
			time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339))
		query := fmt.Sprintf(`query %%s { `+history+` }`, fmt.Sprintf(`(id: %q)`, id))
		event := fmt.Sprintf(`subscription %%s { signatureCount(petitionId: %q) { `+history+` } }`, id, "")
		post := func(address, query string) string {
			return s.post(t, "/graphql", `{"query":`+quote(query)+`}`, "X-Forwarded-For", address)
		}
		var answers []chan string
		for i, way := range []func(address, name string) string{
			func(address, name string) string { return post(address, fmt.Sprintf(query, "post"+name)) },
			func(address, name string) string { return s.overSocket(t, address, fmt.Sprintf(query, "socket"+name)) },
			func(address, name string) string { return s.overSocket(t, address, fmt.Sprintf(event, "event"+name)) },
		} {
			ask := func(address, name string) {
				answer := make(chan string, 1)
				answers = append(answers, answer)
				go func() { answer <- way(address, name) }()
				waiting++
				s.waits(t, waiting)
			}
			s.waits(t, waiting)
			ask(one, "One")
			ask(other, "Other")
			proceed <- struct{}{}
			<-held // as soon as the other has read
			waiting -= 2
			s.waits(t, waiting)
			if got := <-answers[2*i+1]; !strings.Contains(got, `"signatureHistory":[{"total"`) {
				t.Errorf("the other got %s", got)
			}
		}
		for i := 0; i < len(answers); i += 2 {
			if len(answers[i]) > 0 {
				t.Errorf("the busy one has an answer: %s", <-answers[i])
			}
		}
		stop()
		for range places {
			proceed <- struct{}{}
		}
		for i := 0; i < len(answers); i += 2 {
			if got := <-answers[i]; !strings.Contains(got, `"signatureHistory":[{"total"`) {
				t.Errorf("the busy one got %s", got)
			}
		}
	})
}

// waits waits until so many statements wait for a connection.
func (s *site) waits(t *testing.T, want int) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		_, wait := s.db.Reading()
		if wait == want {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%d wait for a connection, want %d", wait, want)
		}
	}
}

// overSocket sends an operation over a WebSocket for a client at an address, and returns the first answer.
func (s *site) overSocket(t *testing.T, address, query string) string {
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(s.url, "http", "ws", 1)+"/graphql", &websocket.DialOptions{ //nolint:bodyclose // the library does
		Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"X-Forwarded-For": {address}},
	})
	if err != nil {
		return err.Error()
	}
	defer conn.CloseNow() //nolint:errcheck // it is over
	s.exchange(t, conn, `{"type":"connection_init"}`)
	return s.exchange(t, conn, `{"id":"1","type":"subscribe","payload":{"query":`+quote(query)+`}}`)
}
