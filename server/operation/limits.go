package operation

import "petitiond/server/strictjson"

// Limits bounds what a request may contain and cost. Its zero value does not mean "no limit" and is of no use: start
// from [DefaultLimits].
type Limits struct {
	JSONDepth int // objects and lists within each other in a body
	Document  int // bytes of the GraphQL text

	// What one document may contain. All of it is counted before validation.
	Tokens      int // comments are tokens, too
	Operations  int
	Fragments   int
	Variables   int // definitions in one operation
	Directives  int
	Aliases     int
	RootFields  int // of one operation, fragments included
	Fields      int // of one operation, each fragment counted where it is spread
	Depth       int // selection sets within each other, inline fragments included
	SchemaDepth int // the same below __schema and __type
	ValueDepth  int // list and object literals, or list types, within each other
	Work        int // nodes that validation visits: those of a fragment again for each operation and fragment that reaches it

	Cost int // points of one operation, by @cost and @listSize of the schema
	Page int // greatest value that the domain accepts in a slicing argument; a greater one costs nothing, since it is refused

	Errors        int // validation errors in one answer
	DocumentBytes int // memory for cached documents
	Persisted     int // bytes of the documents that clients may name by their hash
}

// DefaultLimits returns the limits that apply unless the operator sets others.
func DefaultLimits() Limits {
	return Limits{
		JSONDepth:     32,
		Document:      16 << 10,
		Tokens:        1000,
		Operations:    10,
		Fragments:     20,
		Variables:     50,
		Directives:    20,
		Aliases:       15,
		RootFields:    10,
		Fields:        500,
		Depth:         12,
		SchemaDepth:   20,
		ValueDepth:    5,
		Work:          10_000,
		Cost:          1000,
		Page:          100,
		Errors:        10,
		DocumentBytes: 8 << 20,
		Persisted:     8 << 20,
	}
}

const (
	// jsonMembers is how many members a JSON object from a client may have: more than any request needs, and few enough
	// to be checked for duplicate names.
	jsonMembers = 1000
	// jsonValues is how many values there may be in a request: far more than any needs, and few enough that a request of
	// any length takes a few megabytes of memory at most once it is decoded.
	jsonValues = 1 << 15
)

// JSON returns the limits of the JSON that clients send.
func (l Limits) JSON() strictjson.Limits {
	return strictjson.Limits{Depth: l.JSONDepth, Members: jsonMembers, Values: jsonValues}
}
