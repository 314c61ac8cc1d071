package queue

// The limits of a queue.
const (
	Crowd      = crowd
	PatientFor = patientFor
)

// Due reports whether a lane may begin.
func (l *Lane[E]) Due() bool {
	l.from.mu.Lock()
	defer l.from.mu.Unlock()
	return l.from.due()
}

// Petitions is how many petitions somebody waits for.
func (q *Queue[E]) Petitions() int { return len(q.petitions) }
