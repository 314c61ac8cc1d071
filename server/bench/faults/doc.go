// Package faults breaks the running program, and shows that the count holds: it kills servers and databases, cuts and
// stalls the connections between them, and lets many people do one thing at once. Whoever got no answer repeats the
// same request. Afterwards the log of attempts and answers is laid beside the rows.
//
// All of it is tests of the built program in processes of its own. They take small numbers by themselves and large ones
// where PETITION_TEST_FAULTS=long is set, as `make faults` does.
package faults
