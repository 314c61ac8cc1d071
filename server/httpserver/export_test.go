package httpserver

import "log/slog"

// Complain writes a line as net/http does.
func Complain(h slog.Handler, line string) {
	slog.NewLogLogger(httpLog{h}, slog.LevelError).Print(line)
}

// Waiting is how many connections wait for their clients to send something.
func (s *Server) Waiting() (n int) {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	for p := range s.places.all.waiting() {
		if !p.writing {
			n++
		}
	}
	return n
}
