// Package edge is what stands between the network and every handler: how long a request may take to arrive and its
// answer to leave, how many connections there may be, and what happens when a handler panics.
package edge
