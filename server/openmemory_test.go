package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"petitiond/server/database"
	"petitiond/server/sitetest"
)

// What open subscriptions are said to take must not be less than they do, however they are made. It measures the heap,
// so nothing may run beside it.
func TestOpenSubscriptionsTakeNoMoreThanIsSaid(t *testing.T) { //nolint:paralleltest // see above
	if sitetest.Raced {
		t.Skip("the race detector keeps more for each goroutine")
	}
	for _, dialect := range []database.Dialect{database.SQLite, database.Postgres} {
		t.Run(dialect.String(), func(t *testing.T) {
			s := start(t, append(fresh(t, dialect), "PETITION_RATE_LIMITS=off",
				"PETITION_MAX_SOCKET_OPERATIONS=1000", "PETITION_MAX_MESSAGE_BURST=10000", "PETITION_MAX_EVENT_COST=1000000",
				"PETITION_MAX_CHECKED_DOCUMENTS=65536", "PETITION_MAX_ANSWERS=1048576")) // what is kept besides varies
			var ids []string
			for range 10 {
				id, _ := s.open(t)
				ids = append(ids, id)
			}
			for name, document := range map[string]string{
				"Short":     `subscription u%[2]d { signatureCount(petitionId: "%[1]s") { id } }`,
				"Fields":    `subscription u%[2]d { signatureCount(petitionId: "%[1]s") { ` + strings.Repeat("id total goal progress version ", 95) + `} }`,
				"Arguments": `subscription u%[2]d { signatureCount(petitionId: "%[1]s") { petition { ` + arguments(14) + ` } } }`,
				"Skipped": `subscription u%[2]d($a: Boolean = false) { signatureCount(petitionId: "%[1]s") { ` +
					strings.Repeat("id total goal progress version ", 95) + ` id @skip(if: $a) } }`,
				"Fragments": `subscription u%[2]d { signatureCount(petitionId: "%[1]s") { ` + strings.Repeat("... on SignatureCount { id } ", 150) + `} }`,
				"Several":   `subscription u%[2]d($ids: [ID!]!) { signatureCounts(petitionIds: $ids) { id total } }`,
				"Equal":     `subscription($ids: [ID!]!, $c: String) { signatureCounts(petitionIds: $ids) { petition { comments(after: $c, first: 1) { nodes { id } } } } }`,
				"Comments":  `subscription u%[2]d { commentAdded(petitionId: "%[1]s") { id body } }`,
			} {
				said, took := s.opening(t, document, ids)
				t.Logf("%s: %d bytes each, %d are said", name, took, said)
				if took > said || said > 8*took {
					t.Errorf("%s takes %d bytes, %d are said", name, took, said)
				}
			}
		})
	}
}

// arguments returns fields with arguments, no two of which are equal.
func arguments(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, `c%d: comments(first: %d) { __typename } `, i, i+1)
	}
	return all.String()
}

// opening opens many subscriptions, and returns what each is said to take and takes.
func (s *site) opening(t *testing.T, document string, ids []string) (said, took int) {
	t.Helper()
	options := &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(s.url, "http", "ws", 1)+"/graphql", options) //nolint:bodyclose // the library does
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	s.exchange(t, conn, `{"type":"connection_init"}`)
	const many = 200
	before, kept := memory(), s.transport.Kept()
	for i := range many {
		text := document
		if strings.Contains(document, "%[2]d") {
			text = fmt.Sprintf(document, ids[0], i)
		}
		payload, err := json.Marshal(map[string]any{
			"query": text, "variables": map[string]any{"ids": slices.Concat(ids[i%10:], ids[:i%10]), "c": fmt.Sprint(strings.Repeat("x", 20_000), i)},
		})
		if err != nil {
			t.Fatal(err)
		}
		message := fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":%s}`, i, payload)
		if strings.Contains(document, "commentAdded") {
			if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got := s.exchange(t, conn, message); !strings.Contains(got, `"next"`) {
			t.Fatalf("got %s", got)
		}
	}
	_, watchers := s.observer.hub.Size()
	for ; watchers < many; _, watchers = s.observer.hub.Size() {
		runtime.Gosched()
	}
	said, took = int(s.transport.Kept()-kept)/many, int(memory()-before)/many
	_ = conn.CloseNow()
	for ; watchers > 0 || s.transport.Kept() > kept; _, watchers = s.observer.hub.Size() {
		runtime.Gosched()
	}
	return said, took
}

// exchange sends a message and returns the next one.
func (s *site) exchange(t *testing.T, conn *websocket.Conn, message string) string {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
	_, text, err := conn.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// memory returns how many bytes the program uses, stacks included.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
