package scalar

// Node is the Go type of the interface Node: anything that a global id names.
type Node any
