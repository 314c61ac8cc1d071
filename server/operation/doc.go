// Package operation decides whether an operation may run, and what it costs. It takes a request, as bytes or decoded,
// and returns either an operation that is ready to run, with its price, or a refusal whose errors have codes. It knows
// the schema, but neither who is asking nor over which protocol, and it runs nothing.
//
// A [Request] contains a document or names one (persisted.go, manifest.go). The document is parsed, checked against
// limits that keep validation cheap (documentshape.go), validated (validate.go, overlap.go), and cached (documents.go).
// Then the variables of the operation are coerced (variables.go), and it is priced: cost_schema.go reads the prices in
// the schema, cost_document.go adds up what the document alone determines, and cost_operation.go adds the rest for each
// set of variables.
//
// No error repeats a value or the text of a document.
package operation
