// Package httpserver sits between the network and every handler. It decides how long a request may take to arrive and
// its answer to be sent, how many connections there may be, and what happens when a handler panics.
//
// It guards against clients that hold resources without using them: one that sends its body a byte at a time, does not
// read its answer, or opens connections and stays silent. None of them can keep others from being served.
package httpserver
