// Package figures is the one value of a petition's numbers: what its counter says at a version.
//
// The ledger publishes it with every commit, and everything that tells of numbers uses it as it is: the hub that wakes
// those who watch, the fan-out to other replicas, the cache of responses, the readers, and the resolvers. There is
// nothing to translate on the way, so that no figure can get lost between two of them.
//
// It is a leaf: it knows neither where the numbers are kept nor who asks for them.
package figures
