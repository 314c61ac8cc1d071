// Package nodetest lends Go tests the programs of ../testdata/node: what the JavaScript world, whose clients most
// people use, says about the contract and the transports. It installs their modules when a test first asks for one, and
// decides what happens where Node is missing. It must not know what the programs check.
package nodetest
