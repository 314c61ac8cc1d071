package transport

// Credentials returns how many credentials something is open under.
func (t *Transport) Credentials() int { return t.connections.Credentials.Size() }

// HoldReaders keeps long messages from being read until release is called.
func (t *Transport) HoldReaders() (release func()) {
	readers := t.connections.Readers
	for range cap(readers) {
		readers <- struct{}{}
	}
	return func() {
		for range cap(readers) {
			<-readers
		}
	}
}

// Waiting returns how many messages wait to be read, and their bytes.
func (t *Transport) Waiting() (messages, bytes int) { return t.connections.Waiting() }

// Sharing returns how many operations share the events of others.
func (t *Transport) Sharing() int { return t.connections.Sharing() }

// TakenByRequests returns how much memory long requests take.
func (t *Transport) TakenByRequests() int64 { return t.intake.memory.Taken() }
