// Package faults breaks the running program and shows that the count stays right. It kills servers and databases, cuts
// and stalls the connections between them, and has many people do one thing at the same time. Those who get no answer
// repeat the same request. In the end the log of attempts and answers is compared with the rows.
//
// Most tests run the built program in processes of its own. To make every single step of a write fail in turn, be it an
// operation on a file or a message to or from PostgreSQL, other tests run the domain in their own process, on disks and
// connections that fail on command. Numbers are small by default, and large if PETITION_TEST_FAULTS=long is set, as
// `make faults` does.
package faults
