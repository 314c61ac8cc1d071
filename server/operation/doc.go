// Package operation decides whether an operation may run, and what it costs. Bytes that ask for one go in, or what was
// decoded of them; out comes an operation that is ready to run, with its price, or a refusal whose errors have codes.
// It knows the schema, and neither who asks nor over which protocol, and runs nothing.
//
// A [Request] names or brings a document: persisted.go, manifest.go. The document is parsed, measured before validation
// takes time in proportion to it (guard.go), validated (validate.go, overlap.go), and remembered (documents.go). Then
// the variables of the operation are coerced (variables.go), and it is priced: tariff.go reads the prices of the
// schema, bill.go adds up what is known of a document, price.go the rest for each set of variables.
//
// No error repeats a value or the text of a document.
package operation
