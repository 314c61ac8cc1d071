package mail

import (
	"sync"
	"time"
)

// TraySize is how many mails a Tray keeps: the latest.
const TraySize = 200

// Tray keeps mails in memory in the place of a server. It is safe for concurrent use.
type Tray struct {
	mu   sync.Mutex
	kept []Kept // the latest first; guarded by mu
}

// Kept is a mail in a Tray.
type Kept struct {
	Message

	At time.Time
}

// Put adds a mail. The same one once more takes the place of the former.
func (t *Tray) Put(m Message, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// A new list each time: those who read the former one go on reading it without a lock.
	kept := []Kept{{m, at}}
	for _, k := range t.kept {
		if k.ID != m.ID && len(kept) < TraySize {
			kept = append(kept, k)
		}
	}
	t.kept = kept
}

// All returns the mails, the latest first.
func (t *Tray) All() []Kept {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept // it is replaced and never changed
}
