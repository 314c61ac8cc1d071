// Package signing is what lies between a signature and its mailbox.
//
// Whoever signs has only made a request, which is written in the same way whatever is known of the address: nobody
// learns anything from the answer or from how long it takes. What comes of it is told to the mailbox alone. The handler
// of requests makes the signature, which waits, and writes a mail with a link and a code, by which the mailbox confirms
// it; or one that says that it counts already. How much mail an address gets is bounded here, over all replicas.
//
// The package decides nothing about petitions, and counts nothing: the ledger does.
package signing
