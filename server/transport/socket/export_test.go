package socket

// Held returns how many bytes a Reader keeps beside itself.
func (r *Reader) Held() int {
	if r.part == nil {
		return 0
	}
	return cap(r.part.joined) + cap(r.part.control)
}

// Unmask is unmask.
func Unmask(b []byte, mask uint32) uint32 { return unmask(b, mask) }

// Cap returns for how many operations a Session has room.
func (s *Session[T]) Cap() int { return cap(s.operations) }
