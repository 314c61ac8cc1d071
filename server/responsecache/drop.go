package responsecache

// Drop forgets every answer that depends on one of the topics. When it returns, nobody who comes gets anything that
// was read before; those who came earlier may. Call it when the change is to be seen, and acknowledge the change then.
func (s *shelf) Drop(topics ...Topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	for _, t := range topics {
		// Each time from the front: reject takes the entry out of this list, and of those of all its topics.
		for l := s.topics[t]; l != nil; l = s.topics[t] {
			s.reject(l.entry)
		}
		if s.running.first != nil { // else nobody can learn late that he depends on it
			s.dropped.add(t, s.seq)
		}
	}
}

// reject removes an entry for the sake of the last drop.
func (s *shelf) reject(e *entry) {
	if e.running {
		e.before = min(e.before, s.seq)
	}
	s.remove(e)
}

// Clear forgets everything, as if every topic had been dropped.
func (s *shelf) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

// clear drops everything under one number. The floor stands for all topics, known or not: whatever a running
// computation names later counts as dropped.
func (s *shelf) clear() {
	s.seq++
	for e := s.running.first; e != nil; e = e.next {
		s.reject(e)
	}
	for e := s.used.first; e != nil; e = s.used.first {
		s.remove(e)
	}
	s.dropped.forget(s.seq)
	s.dropped.floor = s.seq
}

// Cautious reports whether news of changes may be lost. As long as they may, everything lives for a moment only, also
// what is kept already; when they no longer are, all that was kept meanwhile is forgotten.
func (s *shelf) Cautious(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cautious && !on {
		s.clear()
	}
	s.cautious = on
}
