// Package machine knows what the machine or its container gives the program: memory and file descriptors. It also tunes
// Go's garbage collector to the memory.
package machine
