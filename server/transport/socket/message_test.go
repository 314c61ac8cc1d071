package socket_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"petitiond/server/transport/socket"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	id, object := socket.Quote(`1"`), []byte(`{"a":1}`)
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"Ack", socket.AppendAck(nil, nil), `{"type":"connection_ack"}`},
		{"AckPayload", socket.AppendAck(nil, object), `{"type":"connection_ack","payload":{"a":1}}`},
		{"Pong", socket.AppendPong(nil, nil), `{"type":"pong"}`},
		{"PongPayload", socket.AppendPong(nil, object), `{"type":"pong","payload":{"a":1}}`},
		{"Next", socket.AppendNext(nil, id, object), `{"id":"1\"","type":"next","payload":{"a":1}}`},
		{"Error", socket.AppendError(nil, id, []byte(`[{"message":"no"}]`)), `{"id":"1\"","type":"error","payload":[{"message":"no"}]}`},
		{"Complete", socket.AppendComplete(nil, id), `{"id":"1\"","type":"complete"}`},
		{"Appended", socket.AppendComplete([]byte("before"), id), `before{"id":"1\"","type":"complete"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, string(test.got)); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNextSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		quoted := socket.Quote(id)
		payload, _ := json.Marshal(rapid.String().Draw(t, "payload"))
		text := socket.AppendNext(nil, quoted, payload)
		if size := socket.NextSize(quoted, len(payload)); size != len(text) {
			t.Fatalf("size %d of a message of %d", size, len(text))
		}
		var m struct{ ID, Type string }
		if err := json.Unmarshal(text, &m); err != nil || m.ID != id || m.Type != "next" {
			t.Fatalf("%s: %+v, %v", text, m, err)
		}
	})
}
