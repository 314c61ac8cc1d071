// Package faults breaks the running program, and shows that the count holds: it kills servers and databases, cuts and
// stalls the connections between them, and lets many people do one thing at once. Whoever got no answer repeats the
// same request. Afterwards the log of attempts and answers is laid beside the rows.
//
// Most of it is tests of the built program in processes of its own. Where every step of a write is to fail in turn, an
// operation on a file or a message to or from PostgreSQL, the domain runs in the process of the test, on disks and wires
// that fail when they are told to. The tests take small numbers by themselves and large ones where
// PETITION_TEST_FAULTS=long is set, as `make faults` does.
package faults
