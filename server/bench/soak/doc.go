// Program soak runs the server for long under everything at once, and looks whether it wears out:
//
//	go run ./server/bench/soak -for 30m -on both
//
// People sign, read and watch at an even pace. Beside them hostile sockets send what no client sends, connections are
// opened and left alone, the connections to PostgreSQL are cut, and the clock of a replica jumps. Once a warm-up is
// over, and again at the end, all of it rests: then memory, goroutines and descriptors must be what they were, and
// every figure what the rows say. In a long run the 99th percentile of reading in the last minutes is also held against
// that of the first.
//
// The run is bounded: by its time, by the pace of everything in it, and by a connection for each who takes part.
package main
