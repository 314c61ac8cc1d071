package socket

import (
	"encoding/binary"
	"unicode/utf8"
)

var (
	errReserved   = &Closing{ProtocolError, "A frame has reserved bits set"}
	errOpcode     = &Closing{ProtocolError, "A frame has a reserved opcode"}
	errUnmasked   = &Closing{ProtocolError, "A client's frames must be masked"}
	errLength     = &Closing{ProtocolError, "A frame's length is not written in the shortest way"}
	errControl    = &Closing{ProtocolError, "A control frame is fragmented or longer than 125 bytes"}
	errNothing    = &Closing{ProtocolError, "A continuation frame has no message to continue"}
	errInterposed = &Closing{ProtocolError, "A message begins before the previous one has ended"}
	errText       = &Closing{NotUTF8, "A text message is not UTF-8"}
	errSize       = &Closing{TooBig, "A message is too big"}
	errFragments  = &Closing{TooBig, "A message has too many fragments"}
)

// maxFragments is how many fragments a message may have. Each costs work even if it is empty, and clients that fragment
// messages at all make few of them.
const maxFragments = 1000

// Reader finds the messages in the bytes that a client sends. Between messages it holds no memory besides itself; an
// incomplete message is kept until the rest arrives, so the caller must bound how long a Reader is not [Reader.Idle].
type Reader struct {
	// Max is how many bytes a message may have, all fragments together.
	Max int32

	over  bool  // a close frame was read, or nothing sensible can follow
	fresh bool  // the incomplete message or frame began in the last Read
	part  *part // nil while nothing is incomplete
}

// frame is what a header says.
type frame struct {
	op   Opcode
	fin  bool
	mask uint32 // in the byte order of unmask
	size int32  // bytes of payload
}

// part is an incomplete header, frame or message.
type part struct {
	header [maxHeader]byte
	have   int // bytes of header

	frame         // whose payload is arriving
	left    int32 // bytes of it that are still to come
	control []byte

	kind      Opcode // of the message whose fragments are joined; Continuation if there is none
	fragments int    // of it
	joined    []byte
	checked   int // bytes of joined that are known to be UTF-8
}

// Read takes the next bytes, and calls on for each message that they complete, with its fragments joined, and for each
// control frame, even between fragments. The payload is only valid during the call. It may be a part of data, which is
// unmasked in place.
//
// A violation of the protocol is returned as a [*Closing], as soon as it can be told from the bytes. An error from on
// is returned unchanged. Nothing more is read after an error or a close frame.
func (r *Reader) Read(data []byte, on func(op Opcode, payload []byte) error) error {
	r.fresh = false
	for len(data) > 0 && !r.over {
		r.fresh = r.fresh || r.part == nil || r.part.empty()
		n, err := r.step(data, on)
		if err != nil {
			r.over, r.part = true, nil
			return err
		}
		data = data[n:]
	}
	if r.over || r.part != nil && r.part.empty() {
		r.part = nil
	}
	return nil
}

// Idle reports whether no incomplete frame or message is held.
func (r *Reader) Idle() bool { return r.part == nil }

// Came returns how many bytes of an incomplete message have come.
func (r *Reader) Came() int {
	if r.part == nil {
		return 0
	}
	return len(r.part.joined)
}

// Fresh reports whether the incomplete message or frame began in the last Read. A control frame between the fragments
// of a message does not count as a beginning.
func (r *Reader) Fresh() bool { return r.part != nil && r.fresh }

// step reads a header with as much of its payload as has arrived, or more of an incomplete payload, and returns how
// many bytes it consumed.
func (r *Reader) step(data []byte, on func(Opcode, []byte) error) (int, error) {
	if r.part != nil && r.part.left > 0 {
		return r.take(data, on)
	}
	f, n, err := r.header(data)
	if n == 0 || err != nil {
		return len(data), err
	}
	rest := data[n:]
	// The usual case: a message that has arrived whole is neither copied nor kept.
	if size := int(f.size); size <= len(rest) && f.whole() {
		unmask(rest[:size], f.mask)
		return n + size, r.deliver(f.op, rest[:size], on)
	}
	r.hold().begin(f)
	taken, err := r.take(rest, on)
	return n + taken, err
}

// whole reports whether a frame needs no joining: it is a control frame, or a message in one frame.
func (f frame) whole() bool { return f.op.control() || f.fin && f.op != Continuation }

// header reads a frame's header, whose beginning may have arrived earlier. It returns how many bytes of data belong to
// it, or 0 if it is still incomplete; all bytes are then kept.
func (r *Reader) header(data []byte) (f frame, n int, err error) {
	held, head := 0, data
	if p := r.part; p != nil && p.have > 0 {
		held = p.have
		// This may copy a part of the payload as well. Only what belongs to the header is counted below, so it is read
		// again.
		head = p.header[:held+copy(p.header[held:], data)]
	}
	f, n, err = r.parse(head)
	if err != nil {
		return frame{}, 0, err
	}
	if n == 0 {
		p := r.hold()
		copy(p.header[:], head)
		p.have = len(head)
		return frame{}, 0, nil
	}
	if held > 0 {
		r.part.have = 0
	}
	return f, n - held, nil
}

// parse parses a header and returns its length, or 0 if it is incomplete. It checks the bytes in their order, so which
// error it finds does not depend on how many have arrived.
func (r *Reader) parse(b []byte) (f frame, n int, err error) {
	f.op, f.fin = Opcode(b[0]&opcodeBits), b[0]&finBit != 0
	joining := r.part != nil && r.part.kind != Continuation
	switch {
	case b[0]&reserved != 0:
		return f, 0, errReserved
	case !f.op.known():
		return f, 0, errOpcode
	case f.op.control() && !f.fin:
		return f, 0, errControl
	case f.op == Continuation && !joining:
		return f, 0, errNothing
	case (f.op == Text || f.op == Binary) && joining:
		return f, 0, errInterposed
	case f.op == Continuation && r.part.fragments >= maxFragments:
		return f, 0, errFragments
	}
	// All that the first byte shows is judged before there is a second one.
	if len(b) < 2 {
		return f, 0, nil
	}
	switch {
	case b[1]&maskBit == 0:
		return f, 0, errUnmasked
	case f.op.control() && b[1]&lengthBits > maxControl:
		return f, 0, errControl
	}
	size, n, err := length(b)
	switch {
	case n == 0 || err != nil:
		return f, 0, err
	// By what the header announces: nothing of a message that is too long is kept.
	case !f.op.control() && size > r.room():
		return f, 0, errSize
	case len(b) < n+4:
		return f, 0, nil
	}
	f.mask, f.size = binary.LittleEndian.Uint32(b[n:]), int32(size)
	return f, n + 4, nil
}

// length reads the length of a payload, and returns where the mask begins, or 0 if the length is incomplete.
func length(b []byte) (size uint64, n int, err error) {
	short := b[1] & lengthBits
	switch {
	case short < length16:
		return uint64(short), 2, nil
	case short == length16 && len(b) >= 4:
		if size = uint64(binary.BigEndian.Uint16(b[2:])); size < length16 {
			return 0, 0, errLength
		}
		return size, 4, nil
	case short == length64 && len(b) >= 10:
		// The highest bit must be 0.
		if size = binary.BigEndian.Uint64(b[2:]); size <= 0xffff || size>>63 != 0 {
			return 0, 0, errLength
		}
		return size, 10, nil
	}
	return 0, 0, nil
}

// room returns how many bytes the next frame may add to the message.
func (r *Reader) room() uint64 {
	room := int(r.Max)
	if r.part != nil {
		room -= len(r.part.joined)
	}
	return uint64(max(room, 0))
}

// take adds bytes to the incomplete payload, and delivers a control frame or message that they complete.
func (r *Reader) take(data []byte, on func(Opcode, []byte) error) (int, error) {
	p := r.part
	n := min(int(p.left), len(data))
	p.add(data[:n], int(r.Max))
	// With each piece, and not at the end: what cannot become UTF-8 any more is refused at once (RFC 6455, section
	// 8.1).
	if p.kind == Text && !p.op.control() && !p.text() {
		return n, errText
	}
	if p.left > 0 {
		return n, nil
	}
	switch {
	case p.op.control():
		payload := p.control
		p.control = nil
		return n, r.deliver(p.op, payload, on)
	case p.fin:
		kind, payload := p.kind, p.joined
		// Before the call: the message is over, and Came no longer counts it.
		p.kind, p.joined, p.checked = Continuation, nil, 0
		return n, on(kind, payload)
	}
	return n, nil
}

// deliver passes on a message or control frame that arrived in one frame.
func (r *Reader) deliver(op Opcode, payload []byte, on func(Opcode, []byte) error) error {
	switch op {
	case Text:
		if !utf8.Valid(payload) {
			return errText
		}
	case CloseFrame:
		if _, _, err := ParseClose(payload); err != nil {
			return err
		}
		// Nothing may follow a close frame (section 5.5.1); what does is not looked at.
		r.over = true
	}
	return on(op, payload)
}

// hold returns the part, and makes it if necessary.
func (r *Reader) hold() *part {
	if r.part == nil {
		r.part = new(part)
	}
	return r.part
}

// empty reports whether nothing is incomplete any more.
func (p *part) empty() bool { return p.have == 0 && p.left == 0 && p.kind == Continuation }

// begin starts the payload of a frame.
func (p *part) begin(f frame) {
	p.frame, p.left = f, f.size
	switch f.op {
	case Text, Binary:
		p.kind, p.fragments = f.op, 1
	case Continuation:
		p.fragments++
	}
}

// add keeps a piece of the payload, without its mask.
func (p *part) add(data []byte, limit int) {
	into := &p.joined
	if p.op.control() {
		into = &p.control
	}
	at := len(*into)
	if p.fin {
		limit = at + int(p.left) // the message cannot grow beyond this frame
	}
	*into = append(grow(*into, len(data), limit), data...)
	p.mask = unmask((*into)[at:], p.mask)
	p.left -= int32(len(data))
}

// grow makes room for n more bytes. Memory grows with the bytes that have arrived, not with the announced length, and
// never exceeds the limit.
func grow(b []byte, n, limit int) []byte {
	if len(b)+n <= cap(b) {
		return b
	}
	larger := make([]byte, len(b), min(max(len(b)+n, 2*cap(b), 64), limit))
	copy(larger, b)
	return larger
}

// text reports whether the message is UTF-8 so far. A rune may be incomplete unless this is the end of the message.
func (p *part) text() bool {
	fresh := p.joined[p.checked:]
	tail := unfinished(fresh)
	if p.fin && p.left == 0 && tail > 0 || !utf8.Valid(fresh[:len(fresh)-tail]) {
		return false
	}
	p.checked = len(p.joined) - tail
	return true
}

// unfinished returns how many bytes at the end belong to an incomplete rune.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}
