// Package fanout carries news between the replicas of one installation: of each petition the newest numbers, a few
// times a second.
//
// News are hints. They may be lost, late, repeated or out of order, and those who receive them must be able to
// do without: after a gap Lost is called, and the receiver reads the truth from the database. The package
// does not know who watches.
package fanout
