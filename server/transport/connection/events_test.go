package connection

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"petitiond/server/eventmark"
)

// sent is an event as a browser's EventSource understands it.
type sent struct{ name, data, id string }

// understand reads a stream by the rules of the HTML standard, section 9.2.6, as far as they matter here.
func understand(stream string) (events []sent) {
	var now sent
	var data []string
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(stream), "\n")
	for _, line := range lines {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && data != nil:
			now.data = strings.Join(data, "\n")
			events = append(events, now)
			now, data = sent{id: now.id}, nil
		case line == "":
			now.name = ""
		case field == "event":
			now.name = value
		case field == "data":
			data = append(data, value)
		case field == "id":
			now.id = value
		}
	}
	return events
}

// FuzzEvents frames whatever an answer may hold, with whatever id an operation may have: the client reads what was
// meant, and nobody can put an event of his own between.
func FuzzEvents(f *testing.F) {
	f.Add("1", "text", int64(7), false)
	f.Add("a\nevent: next", "data: x\n\nevent: complete\n\n", int64(-1), true)
	f.Add("\r\u2028", "\r\n\r\nid: 9", int64(1)<<62, false)
	f.Add(`"}`, "\x00\xff", int64(0), true)
	f.Fuzz(func(t *testing.T, id, text string, version int64, failed bool) {
		if !utf8.ValidString(id) || !utf8.ValidString(text) {
			t.Skip() // neither comes that far
		}
		body, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		quoted, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		var errs []byte
		if failed {
			errs, _ = json.Marshal([]string{text})
		}
		for _, m := range []Protocol{Events, Stream} {
			out := m.appendNext([]byte(":\n\n"), string(quoted), event{Mark: eventmark.Mark{Version: version}, body: body})
			out = m.appendEnd(out, string(quoted), errs)
			got := understand(string(out))
			want := 2
			if failed {
				want = 3
			}
			if len(got) != want || got[0].name != "next" || got[want-1].name != "complete" {
				t.Fatalf("understood as %+v: %q", got, out)
			}
			first := got[0].data
			if m == Stream {
				var message struct {
					ID      string          `json:"id"`
					Payload json.RawMessage `json:"payload"`
				}
				if err := json.Unmarshal([]byte(first), &message); err != nil || message.ID != id {
					t.Fatalf("the message %q is of %q (error %v), want of %q", first, message.ID, err, id)
				}
				first = string(message.Payload)
			} else if version > 0 && got[0].id != strconv.FormatInt(version, 10) {
				t.Fatalf("id %q, want %d", got[0].id, version)
			}
			if !bytes.Equal([]byte(first), body) {
				t.Fatalf("understood as %q, want %q", first, body)
			}
		}
	})
}
