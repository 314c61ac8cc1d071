// Sign compares ways to process signatures, side by side in one run, on PostgreSQL and on SQLite with durable commits:
//
//	single  one transaction for each signature, through the same driver, writing the same rows
//	ledger  the ledger alone
//	request the same for requests to sign, as they are written where mailboxes confirm; nobody carries them out
//	server  the whole program over HTTP and GraphQL
//	peer    on PostgreSQL, a program that writes signatures and counters in batches, behind gqlgen, and does nothing else
//
//	confirm-single, confirm-ledger  the first two, for confirming what has been signed, on one petition
//
// each with 128 callers, on one petition and over 2,000, in interleaved rounds of which the median counts. With -aged N
// the ledger then goes on signing the one petition until it has N signatures, and is measured again. Run it on a
// machine that does nothing else:
//
//	go run ./server/bench/sign
package main
