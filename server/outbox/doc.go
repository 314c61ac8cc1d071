// Package outbox sends what must be sent because something was committed: at least once, by whichever replica is free.
//
// The transaction that causes a mail or a call also writes an entry, so that neither is there without the other.
// Workers of every replica lease entries, hand each to the handler of its kind outside of any transaction, and delete
// it when it is done. A worker that dies meanwhile leaves a lease that ends by itself, and the entry is sent again:
// handlers send with the id of the entry, by which a repetition can be known.
//
// Each kind has workers of its own, and each entry its own try: one that fails, stalls or cannot be read keeps nobody
// else waiting. What an entry says is sealed from the moment it is made until it is handed to its handler.
package outbox
