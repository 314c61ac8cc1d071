// Package fanout carries news between the replicas of one installation: small values by key, the newest of
// each, a few times a second.
//
// News are hints. They may be lost, late, repeated or out of order, and whoever receives them must be able to
// do without: after a gap Lost is called, so that the receiver reads the truth from the database. The package
// knows neither petitions nor who watches them.
package fanout
