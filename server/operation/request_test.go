package operation

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzReadJSON(f *testing.F) {
	f.Add(`{"query":"{ a }","variables":{"a":[1.5e3,{"b":null}]},"operationName":null}`)
	f.Add(`{"query":"{ a }","query":"{ b }"}`)
	f.Add(`[{"query":"{ a }"}]`)
	f.Add(`{"extensions":{"persistedQuery":{}}}`)
	f.Add(`{"documentId":"sha256:00","extensions":null}`)
	f.Add("{\"query\":\"\xff\"}")
	f.Add(`{"query":"{ a }","canary":1}`)
	f.Add(`{"query":["canary"],"variables":{"canary":-0,"a":1e400,"b":9007199254740993}}`)
	f.Add(`{"":{"":1e700,"":0}}`)
	f.Add(strings.Repeat(`[`, 40) + `"canary"`)
	f.Fuzz(func(t *testing.T, text string) {
		request, refused := DefaultLimits().ReadJSON([]byte(text))
		text = strings.TrimPrefix(text, "\ufeff") // which encoding/json does not know
		if refused == nil && (!json.Valid([]byte(text)) || request.Query == "" && request.Extensions["persistedQuery"] == nil) {
			t.Errorf("%q was taken", text)
		}
		if refused != nil {
			for _, fault := range faults(refused, canary) {
				t.Error(fault)
			}
		}
	})
}

// BenchmarkReadJSON measures bodies of the size that is allowed, each full of something else.
func BenchmarkReadJSON(b *testing.B) {
	for name, item := range map[string]string{"Lists": "[]", "Numbers": "1", "Objects": `{"a":1}`, "Strings": `"a"`, "Escapes": `"\u0041"`} {
		list := strings.Repeat(item+",", (64<<10-50)/(len(item)+1))
		body := []byte(`{"query":"{a}","variables":{"a":[` + list[:len(list)-1] + `]}}`)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, r := DefaultLimits().ReadJSON(body); r != nil {
					b.Fatal(r.Errors)
				}
			}
		})
	}
}

// FuzzReadURL throws query strings at the decoder of GET requests.
func FuzzReadURL(f *testing.F) {
	f.Add("query={a}&variables={}&operationName=A&extensions=")
	f.Add("query=%7Ba%7D&query=canary")
	f.Add("query={a}&variables=%7B%22canary%22%3A1e400%7D")
	f.Add("query={a}&variables={\"a\":[[[]]],\"a\":1}")
	f.Add("query=%zz;canary&;")
	f.Fuzz(func(t *testing.T, query string) {
		request, refused := DefaultLimits().ReadURL([]byte(query))
		if refused == nil {
			if request.Query == "" {
				t.Error("there is no document")
			}
			return
		}
		for _, fault := range faults(refused, canary) {
			t.Error(fault)
		}
	})
}

// mustJSON encodes what tests made.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
