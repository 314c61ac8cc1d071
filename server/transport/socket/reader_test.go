package socket_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"petitiond/server/transport/socket"
)

const limit = 70_000 // bytes of a message in these tests

// stream is what a client sends, and what a Reader makes of it.
type stream struct {
	name    string
	data    []byte
	want    []event
	code    int  // of the Closing, or 0
	partial bool // something incomplete is left
}

func streams() []stream {
	one := func(op socket.Opcode, payload string) []event { return []event{{op, payload}} }
	hello := one(socket.Text, "hello")
	all := []stream{
		{name: "Nothing"},
		{name: "Text", data: text("hello"), want: hello},
		{name: "TextEmpty", data: text(""), want: one(socket.Text, "")},
		{name: "Binary", data: frame(0x82, "\xff\x00"), want: one(socket.Binary, "\xff\x00")},
		{name: "Two", data: join(text("hello"), text("there")), want: []event{{socket.Text, "hello"}, {socket.Text, "there"}}},
		{name: "MaskOfZeros", data: masked(0x81, [4]byte{}, "hello"), want: hello},
		{name: "Ping", data: control(socket.Ping, ""), want: one(socket.Ping, "")},
		{name: "PingPayload", data: control(socket.Ping, "\x00\xff"), want: one(socket.Ping, "\x00\xff")},
		{name: "PongUnasked", data: control(socket.Pong, "hi"), want: one(socket.Pong, "hi")},
		{name: "PingOf125", data: control(socket.Ping, long(125)), want: one(socket.Ping, long(125))},
		{name: "PingOf126", data: control(socket.Ping, long(126)), code: 1002},
		{name: "PingOf65536", data: control(socket.Ping, long(65536)), code: 1002},

		// Fragmentation, 5.4.
		{name: "Fragments", data: join(begin("hel"), end("lo")), want: hello},
		{name: "FragmentsMany", data: join(begin("h"), more("e"), more("l"), more("l"), end("o")), want: hello},
		{name: "FragmentsEmpty", data: join(begin(""), more(""), end("")), want: one(socket.Text, "")},
		{name: "FragmentsSomeEmpty", data: join(begin(""), more("hello"), end("")), want: hello},
		{name: "FragmentsBinary", data: join(frame(0x02, "\xff"), end("\xfe")), want: one(socket.Binary, "\xff\xfe")},
		{name: "FragmentsUnended", data: join(begin("hel"), more("lo")), partial: true},
		{name: "FragmentsTwice", data: join(begin("hel"), end("lo"), begin("hel"), end("lo")), want: slices.Concat(hello, hello)},
		{
			name: "ControlBetween", data: join(begin("he"), control(socket.Ping, "1"), more("l"), control(socket.Pong, "2"), end("lo")),
			want: []event{{socket.Ping, "1"}, {socket.Pong, "2"}, {socket.Text, "hello"}},
		},
		{
			name: "CloseBetween", data: join(begin("he"), farewell(1000, "bye"), end("llo")),
			want: one(socket.CloseFrame, "\x03\xe8bye"),
		},
		{name: "FragmentsMost", data: join(begin("a"), bytes.Repeat(more(""), 998), end("b")), want: one(socket.Text, "ab")},
		{name: "FragmentsTooMany", data: join(begin("a"), bytes.Repeat(more(""), 999), end("b")), code: 1009},
		{name: "FragmentsStartAnew", data: bytes.Repeat(join(begin("a"), bytes.Repeat(more(""), 500), end("b")), 3), want: slices.Repeat(one(socket.Text, "ab"), 3)},
		{name: "ContinuationOfNothing", data: end("lo"), code: 1002},
		{name: "ContinuationUnended", data: more("lo"), code: 1002},
		{name: "ContinuationAfterEnd", data: join(begin("hel"), end("lo"), end("!")), want: hello, code: 1002},
		{name: "ContinuationAfterWhole", data: join(text("hello"), end("!")), want: hello, code: 1002},
		{name: "TextBetween", data: join(begin("hel"), text("lo")), code: 1002},
		{name: "BinaryBetween", data: join(begin("hel"), frame(0x82, "lo")), code: 1002},
		{name: "BeginTwice", data: join(begin("hel"), begin("lo")), code: 1002},
		{name: "PingFragment", data: frame(byte(socket.Ping), "hi"), code: 1002},
		{name: "PongFragment", data: frame(byte(socket.Pong), "hi"), code: 1002},
		{name: "CloseFragment", data: frame(byte(socket.CloseFrame), ""), code: 1002},

		// Headers, 5.1 and 5.2.
		{name: "Unmasked", data: []byte("\x81\x05hello"), code: 1002},
		{name: "UnmaskedEmpty", data: []byte("\x81\x00"), code: 1002},
		{name: "UnmaskedPing", data: []byte("\x89\x00"), code: 1002},
		{name: "UnmaskedSecond", data: join(text("hello"), []byte("\x81\x05hello")), want: hello, code: 1002},
		{name: "Length16Short", data: []byte("\x81\xfe\x00\x7d"), code: 1002},
		{name: "Length64Short", data: []byte("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"), code: 1002},
		{name: "Length64HighestBit", data: []byte("\x81\xff\x80\x00\x00\x00\x00\x01\x00\x00"), code: 1002},
		{name: "HeaderBegun", data: text("hello")[:1], partial: true},
		{name: "HeaderWithoutMask", data: text("hello")[:5], partial: true},
		{name: "HeaderAlone", data: text("hello")[:6], partial: true},
		{name: "PayloadBegun", data: text("hello")[:8], partial: true},
		{name: "HTTP", data: []byte("GET / HTTP/1.1\r\n\r\n"), code: 1002},

		// Sizes.
		{name: "Largest", data: text(long(limit)), want: one(socket.Text, long(limit))},
		{name: "TooLarge", data: text(long(limit + 1)), code: 1009},
		{name: "TooLargeFromHeader", data: []byte("\x81\xff\x00\x00\x00\x00\x00\x01\x11\x71"), code: 1009},
		{name: "TooLargeByFar", data: []byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), code: 1009},
		{name: "LargestOfFragments", data: join(begin(long(limit-1)), more(""), end("x")), want: one(socket.Text, long(limit))},
		{name: "TooLargeOfFragments", data: join(begin(long(limit-1)), end("xx")), code: 1009},
		{name: "SizesStartAnew", data: join(text(long(limit)), text("hello")), want: slices.Concat(one(socket.Text, long(limit)), hello)},

		// Closing, 5.5.1 and 7.4.
		{name: "Close", data: farewell(1000, ""), want: one(socket.CloseFrame, "\x03\xe8")},
		{name: "CloseEmpty", data: control(socket.CloseFrame, ""), want: one(socket.CloseFrame, "")},
		{name: "CloseReason", data: farewell(1001, "é"), want: one(socket.CloseFrame, "\x03\xe9é")},
		{name: "CloseLongestReason", data: farewell(1000, long(123)), want: one(socket.CloseFrame, "\x03\xe8"+long(123))},
		{name: "CloseReasonTooLong", data: farewell(1000, long(124)), code: 1002},
		{name: "CloseHalfCode", data: control(socket.CloseFrame, "\x03"), code: 1002},
		{name: "CloseReasonNotUTF8", data: farewell(1000, "\xff"), code: 1007},
		{name: "CloseEndsAll", data: join(farewell(1000, ""), text("hello"), []byte{0xff}), want: one(socket.CloseFrame, "\x03\xe8")},
		{name: "CloseAfterText", data: join(text("hello"), farewell(4999, "")), want: append(slices.Clone(hello), event{socket.CloseFrame, "\x13\x87"})},

		// Text, 8.1.
		{name: "NotUTF8", data: text("\xff"), code: 1007},
		{name: "NotUTF8AtOnce", data: begin("\xf4\x90"), code: 1007},
		{name: "NotUTF8AtOnceInFrame", data: text("\xed\xa0\x80" + long(100))[:9], code: 1007},
		{name: "RuneUnended", data: join(begin("\xe2"), end("\x82")), code: 1007},
		{name: "RuneBegun", data: begin("\xe2\x82"), partial: true},
		{name: "RuneOverFragments", data: join(begin("\xf0\x9f"), more(""), more("\x98"), control(socket.Ping, "\xff"), end("\x80")), want: []event{{socket.Ping, "\xff"}, {socket.Text, "😀"}}},
		{name: "TextAfterBinary", data: join(frame(0x82, "\xff"), text("\xff")), want: one(socket.Binary, "\xff"), code: 1007},
	}
	for _, n := range []int{125, 126, 127, 128, 65535, 65536} {
		all = append(all, stream{name: fmt.Sprintf("TextOf%d", n), data: text(long(n)), want: one(socket.Text, long(n))})
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		all = append(all,
			stream{name: fmt.Sprintf("Opcode%X", op), data: frame(fin|op, ""), code: 1002},
			stream{name: fmt.Sprintf("Opcode%XBetween", op), data: join(begin(""), frame(fin|op, "")), code: 1002})
	}
	for bits := byte(1); bits < 8; bits++ {
		for _, op := range []byte{0, 1, 2, 8, 9, 10} {
			all = append(all, stream{name: fmt.Sprintf("Reserved%dOf%X", bits, op), data: frame(fin|bits<<4|op, "x"), code: 1002})
		}
	}
	for _, n := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		all = append(all, stream{name: fmt.Sprintf("CloseCode%d", n), data: farewell(n, ""), code: 1002})
	}
	for _, n := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		payload := string(binary.BigEndian.AppendUint16(nil, uint16(n))) + "why"
		all = append(all, stream{name: fmt.Sprintf("CloseCode%d", n), data: farewell(n, "why"), want: one(socket.CloseFrame, payload)})
	}
	return all
}

func TestReader(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, test := range streams() {
		splits := map[string][][]byte{"Whole": {test.data}, "Bytes": bytewise(test.data), "Torn": torn(test.data, random)}
		for how, pieces := range splits {
			t.Run(test.name+"/"+how, func(t *testing.T) {
				t.Parallel()
				r := socket.Reader{Max: limit}
				got, err := feed(&r, pieces...)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if code(err) != test.code || (err != nil) != (test.code != 0) {
					t.Errorf("got %v, want %d", err, test.code)
				}
				if r.Idle() == test.partial {
					t.Errorf("idle: %v, want %v", r.Idle(), !test.partial)
				}
				if !test.partial && r.Held() != 0 {
					t.Errorf("%d bytes are held", r.Held())
				}
			})
		}
	}
}

// A text that is none is found wherever it is cut, and one that is some is
// taken wherever it is cut.
func TestReaderTextCutAnywhere(t *testing.T) {
	t.Parallel()
	texts := []string{
		"κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
		"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xfe", "\xff", "\xe2\x28\xa1", "\xf0\x28\x8c\x28",
		"\xce", "\xe2\x82", "\xf0\x9f\x98", "κόσμε\xed\xa0\x80edited", "abc\xf4\x90\x80\x80", "a\xe2\x82z",
	}
	for _, s := range texts {
		for cut := range len(s) + 1 {
			data := join(begin(s[:cut]), control(socket.Ping, "\xff"), end(s[cut:]))
			for how, pieces := range map[string][][]byte{"whole": {data}, "bytes": bytewise(data)} {
				r := socket.Reader{Max: limit}
				events, err := feed(&r, pieces...)
				if utf8.ValidString(s) {
					want := []event{{socket.Ping, "\xff"}, {socket.Text, s}}
					if diff := cmp.Diff(want, events); diff != "" || err != nil {
						t.Errorf("%q cut at %d, %s: %v; events (-want +got):\n%s", s, cut, how, err, diff)
					}
					continue
				}
				if code(err) != socket.NotUTF8 || slices.ContainsFunc(events, func(e event) bool { return e.Op == socket.Text }) {
					t.Errorf("%q cut at %d, %s: %v after %v, want 1007 and no text", s, cut, how, err, events)
				}
			}
		}
	}
}

func TestReaderErrorOfCallback(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	data := join(begin("a"), control(socket.Ping, ""), end("b"))
	for how, pieces := range map[string][][]byte{"Whole": {data}, "Bytes": bytewise(data)} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r, calls := socket.Reader{Max: limit}, 0
			var got error
			for _, piece := range pieces {
				err := r.Read(slices.Clone(piece), func(socket.Opcode, []byte) error { calls++; return enough })
				got = errors.Join(got, err)
			}
			if !errors.Is(got, enough) || calls != 1 {
				t.Errorf("%d calls and %v, want one and its error", calls, got)
			}
			if !r.Idle() {
				t.Error("something is held after the end")
			}
		})
	}
}

// After a violation nothing that comes is looked at any more.
func TestReaderAfterViolation(t *testing.T) {
	t.Parallel()
	r := socket.Reader{Max: limit}
	if _, err := feed(&r, end("lo")); code(err) != socket.ProtocolError {
		t.Fatalf("got %v, want 1002", err)
	}
	if events, err := feed(&r, text("hello"), end("lo")); len(events) != 0 || err != nil || !r.Idle() {
		t.Errorf("got %v and %v, want nothing", events, err)
	}
}

// Whatever is announced, memory is taken for what has come, and never for more
// than a message may have.
func TestReaderHoldsWhatCame(t *testing.T) {
	t.Parallel()
	small := text(long(100))
	r := socket.Reader{Max: limit}
	if _, err := feed(&r, small[:95], small[95:100]); err != nil {
		t.Fatal(err)
	}
	if held := r.Held(); held > 100 {
		t.Errorf("%d bytes are held of a message that has 100", held)
	}
	whole := text(long(limit))
	r = socket.Reader{Max: limit}
	if _, err := feed(&r, whole[:20]); err != nil {
		t.Fatal(err)
	}
	if held := r.Held(); held > 64 {
		t.Errorf("%d bytes are held for 6 that came", held)
	}
	for _, piece := range slices.Collect(slices.Chunk(whole[20:], 1000)) {
		if _, err := feed(&r, piece); err != nil {
			t.Fatal(err)
		}
		if held := r.Held(); held > limit {
			t.Errorf("%d bytes are held, the limit is %d", held, limit)
		}
	}
	if r.Held() != 0 {
		t.Errorf("%d bytes are held after the message", r.Held())
	}
}

func TestReaderIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(socket.Reader{}); size > 40 {
		t.Errorf("an idle Reader has %d bytes", size)
	}
	data := join(text("hello"), control(socket.Ping, "1"), control(socket.Pong, ""))
	buffer := make([]byte, len(data))
	r := socket.Reader{Max: limit}
	on := func(socket.Opcode, []byte) error { return nil }
	allocs := testing.AllocsPerRun(100, func() {
		copy(buffer, data)
		if err := r.Read(buffer, on); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for small messages, want none", allocs)
	}
}

// Messages come out as they were meant, however they were fragmented, masked,
// interleaved with control frames, and split on the way.
func TestReaderAnySplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var data []byte
		var want []event
		for range rapid.IntRange(0, 5).Draw(t, "messages") {
			op := rapid.SampledFrom([]socket.Opcode{socket.Text, socket.Binary}).Draw(t, "op")
			payload := payloads(op).Draw(t, "payload")
			pieces := rapid.IntRange(1, 4).Draw(t, "pieces")
			first, rest := byte(op), payload
			for n := pieces; n > 0; n-- {
				size := len(rest)
				if n == 1 {
					first |= fin
				} else {
					size = rapid.IntRange(0, len(rest)).Draw(t, "size")
				}
				mask := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "mask"))
				data = append(data, masked(first, mask, rest[:size])...)
				first, rest = byte(socket.Continuation), rest[size:]
				if n > 1 && rapid.Bool().Draw(t, "ping") {
					data = append(data, control(socket.Ping, long(n))...)
					want = append(want, event{socket.Ping, long(n)})
				}
			}
			want = append(want, event{op, payload})
		}
		r := socket.Reader{Max: limit}
		var got []event
		for len(data) > 0 {
			n := rapid.IntRange(1, len(data)).Draw(t, "read")
			events, err := feed(&r, data[:n])
			if err != nil {
				t.Fatal(err)
			}
			got, data = append(got, events...), data[n:]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		if !r.Idle() {
			t.Fatal("something is held after the last message")
		}
	})
}

func payloads(op socket.Opcode) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.String().Draw(t, "text")
		if op == socket.Binary {
			s = string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		}
		return strings.Repeat(s, rapid.SampledFrom([]int{1, 1, 1, 30}).Draw(t, "times"))
	})
}

func TestUnmask(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		mask := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "mask"))
		cut := rapid.IntRange(0, len(plain)).Draw(t, "cut")
		got := slices.Clone(plain)
		for i := range got {
			got[i] ^= mask[i%4]
		}
		next := socket.Unmask(got[:cut], binary.LittleEndian.Uint32(mask[:]))
		socket.Unmask(got[cut:], next)
		if diff := cmp.Diff(plain, got); diff != "" {
			t.Fatalf("unmasked (-want +got):\n%s", diff)
		}
	})
}

// Time counts from the first byte of the message that is incomplete, whatever came before it in the same read.
func TestFresh(t *testing.T) {
	t.Parallel()
	whole, ping := text("hello"), control(socket.Ping, "x")
	tests := []struct {
		name   string
		pieces [][]byte
		want   []bool // after each piece
	}{
		{"Whole", [][]byte{whole}, []bool{false}},
		{"Begun", [][]byte{whole[:1]}, []bool{true}},
		{"GoesOn", [][]byte{whole[:1], whole[1:2], whole[2:8]}, []bool{true, false, false}},
		{"NextBegun", [][]byte{join(whole, whole[:1]), join(whole[1:], whole[:1]), whole[1:]}, []bool{true, true, false}},
		{"Fragments", [][]byte{begin("a"), more("b"), end("c")}, []bool{true, false, false}},
		{"ControlBetween", [][]byte{begin("a"), ping, join(ping, ping[:2]), ping[2:], more("b")}, []bool{true, false, false, false, false}},
		{"ControlBegun", [][]byte{join(ping, ping[:2]), join(ping[2:], ping[:3])}, []bool{true, true}},
		{"NextFragments", [][]byte{begin("a"), join(end("b"), begin("c")), more("d")}, []bool{true, true, false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := socket.Reader{Max: limit}
			for i, piece := range test.pieces {
				if _, err := feed(&r, piece); err != nil {
					t.Fatal(err)
				}
				if r.Fresh() != test.want[i] {
					t.Errorf("after piece %d: %v, want %v", i, r.Fresh(), test.want[i])
				}
			}
		})
	}
}
