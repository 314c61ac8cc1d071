package edge

import "log/slog"

// Complain writes a line as net/http does.
func Complain(h slog.Handler, line string) {
	slog.NewLogLogger(complaints{h}, slog.LevelError).Print(line)
}

// Waiting is how many connections wait for their clients.
func (s *Server) Waiting() (n int) {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	for range s.places.all.waiting() {
		n++
	}
	return n
}
