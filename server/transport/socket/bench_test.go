package socket_test

import (
	"testing"

	"petitiond/server/transport/socket"
)

// BenchmarkReader reads one small message in one piece, as most come.
func BenchmarkReader(b *testing.B) {
	data := text(`{"type":"ping"}`)
	buffer := make([]byte, len(data))
	r := socket.Reader{Max: 64 << 10}
	on := func(socket.Opcode, []byte) error { return nil }
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		copy(buffer, data)
		if err := r.Read(buffer, on); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReceive judges a subscribe.
func BenchmarkReceive(b *testing.B) {
	message := []byte(`{"id":"1","type":"subscribe","payload":{"query":"subscription($id:ID!){signatureCount(petitionId:$id){total version}}","variables":{"id":"UDoxMjM0NTY3ODkwMTIzNDU2"}}}`)
	var s socket.Session[int]
	s.Acknowledged()
	b.ReportAllocs()
	for b.Loop() {
		if event, closing := judge(&s, string(message)); event.Kind != socket.KindSubscribe || closing != nil {
			b.Fatal(event, closing)
		}
	}
}

// BenchmarkNext appends a result with its header, as each watcher gets it.
func BenchmarkNext(b *testing.B) {
	id := socket.Quote("1")
	payload := []byte(`{"data":{"signatureCount":{"total":1234567,"version":7654321}}}`)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = socket.AppendHeader(out[:0], socket.Text, socket.NextSize(id, len(payload)))
		out = socket.AppendNext(out, id, payload)
	}
}
