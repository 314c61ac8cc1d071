// Package load is what the programs share that measure the server: databases that are gone afterwards, the built
// program, a client that leaves it the cores, people who sign, and the name of the machine.
//
// It knows nothing of what is measured.
package load
