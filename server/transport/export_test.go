package transport

// Credentials returns how many credentials something is open under.
func (t *Transport) Credentials() int {
	t.credentials.mu.Lock()
	defer t.credentials.mu.Unlock()
	return len(t.credentials.known)
}

// HoldReaders keeps long messages from being read until release is called.
func (t *Transport) HoldReaders() (release func()) {
	for range cap(t.readers) {
		t.readers <- struct{}{}
	}
	return func() {
		for range cap(t.readers) {
			<-t.readers
		}
	}
}

// Waiting returns how many messages wait to be read, and their bytes.
func (t *Transport) Waiting() (messages, bytes int) {
	for from := 0; ; from += chunk {
		some := t.lines.some(from, nil)
		if len(some) == 0 {
			return messages, bytes
		}
		for _, l := range some {
			l.mu.Lock()
			messages += len(l.texts)
			for _, text := range l.texts {
				bytes += len(text)
			}
			l.mu.Unlock()
		}
	}
}
