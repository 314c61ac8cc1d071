package socket_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"petitiond/server/transport/socket"
)

func TestAppendFrame(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		op     socket.Opcode
		size   int
		header string
	}{
		{"Empty", socket.Text, 0, "\x81\x00"},
		{"Small", socket.Text, 5, "\x81\x05"},
		{"Binary", socket.Binary, 1, "\x82\x01"},
		{"Ping", socket.Ping, 1, "\x89\x01"},
		{"Pong", socket.Pong, 0, "\x8a\x00"},
		{"Of125", socket.Text, 125, "\x81\x7d"},
		{"Of126", socket.Text, 126, "\x81\x7e\x00\x7e"},
		{"Of65535", socket.Text, 65535, "\x81\x7e\xff\xff"},
		{"Of65536", socket.Text, 65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := "before" + test.header + long(test.size)
			if diff := cmp.Diff(want, string(socket.AppendFrame([]byte("before"), test.op, []byte(long(test.size))))); diff != "" {
				t.Errorf("frame (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff("before"+test.header, string(socket.AppendHeader([]byte("before"), test.op, test.size))); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendClose(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		code   int
		reason string
		want   string
	}{
		{"NoReason", 1000, "", "\x88\x02\x03\xe8"},
		{"NoStatus", socket.NoStatus, "unheard", "\x88\x00"},
		{"Reason", 4400, "why", "\x88\x05\x11\x30why"},
		{"Longest", 1000, long(123), "\x88\x7d\x03\xe8" + long(123)},
		{"TooLong", 1000, long(124), "\x88\x7d\x03\xe8" + long(123)},
		{"BetweenRunes", 1000, strings.Repeat("é", 62), "\x88\x7c\x03\xe8" + strings.Repeat("é", 61)},
		{"BetweenLongRunes", 1000, "x" + strings.Repeat("😀", 31), "\x88\x7b\x03\xe8x" + strings.Repeat("😀", 30)},
		{"NotUTF8", 1000, "a\xffb", "\x88\x04\x03\xe8ab"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := string(socket.AppendClose(nil, test.code, test.reason))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("frame (-want +got):\n%s", diff)
			}
			if code, reason, err := socket.ParseClose([]byte(got[2:])); code != test.code || !utf8.ValidString(reason) || err != nil {
				t.Errorf("it says %d, %q, %v", code, reason, err)
			}
		})
	}
}

func TestParseClose(t *testing.T) {
	t.Parallel()
	// What may not be there is in TestReader.
	if code, reason, err := socket.ParseClose(nil); code != socket.NoStatus || reason != "" || err != nil {
		t.Errorf("an empty payload is %d, %q, %v", code, reason, err)
	}
	if code, reason, err := socket.ParseClose([]byte("\x11\x30é")); code != 4400 || reason != "é" || err != nil {
		t.Errorf("got %d, %q, %v", code, reason, err)
	}
	_, _, err := socket.ParseClose([]byte{3})
	var closing *socket.Closing
	if !errors.As(err, &closing) || closing.Code != socket.ProtocolError {
		t.Errorf("half a code is %v", err)
	}
	if got := closing.Error(); !strings.HasPrefix(got, "websocket closed with 1002: ") {
		t.Errorf("the error says %q", got)
	}
}

// Every reason that is said fits into its frame.
func TestReasonsFit(t *testing.T) {
	t.Parallel()
	r := map[string]*socket.Closing{}
	for _, test := range streams() {
		var closing *socket.Closing
		if _, err := feed(&socket.Reader{Max: limit}, test.data); errors.As(err, &closing) {
			r[test.name] = closing
		}
	}
	for name, closing := range r {
		if len(closing.Reason) > 123 || closing.Reason == "" {
			t.Errorf("%s: %q", name, closing.Reason)
		}
	}
}
