// Package load is shared by the programs that measure the server. It provides databases that are removed afterwards,
// the built program, a client that leaves the cores to it, invented signatories, and a description of the machine.
//
// It does not know what is measured.
package load
