// Package scalar owns the scalars of the API and the Go type of Node.
//
// Each scalar is a pair of functions (or methods) that the generated code
// calls: Unmarshal takes what a client wrote, as a literal or as a variable,
// and Marshal writes what a client reads. What cannot be coerced is an [Error]
// whose text says what to send and never repeats what was sent.
//
// The package judges form alone. It knows nothing of petitions, of the
// database or of who asks, and imports nothing of this module.
package scalar
