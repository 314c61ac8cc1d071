package connection

// isNew reports whether an event must be sent: not if it was already, nor if it has no topic and happened before the
// task joined, nor if it is the first and the client has that version already. A client may also have a version that
// is not there: of another petition, or from before the database was restored. Then it has nothing that counts.
func (t *task) isNew(e event) bool {
	if e.number <= t.seen || e.Topic == "" && e.number <= t.since {
		return false
	}
	known := t.known
	t.known = 0 // the versions that follow are higher than that of the first event, whatever the client has
	return e.Version == 0 || e.Version != known
}
