// Package nodetest runs the programs in ../testdata/node from Go tests. They check the contract and the transports with
// JavaScript clients, which most people use. The package installs their modules when a test first asks for them, and
// decides what happens where Node is missing. It must not know what the programs check.
package nodetest
