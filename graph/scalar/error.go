package scalar

// Error is the reason why an input value does not fit its scalar. Its text is
// written for people and never contains the value.
type Error string

// Error returns the reason.
func (e Error) Error() string { return string(e) }
