package turns

import "net/netip"

// First returns the network that asked first, to which what is computed is charged where it can only be one. It is the
// zero Prefix if nobody in particular did.
func (a Asker) First() netip.Prefix {
	if a.of != nil { // they come and go
		return netip.Prefix{}
	}
	return a.asking()[0]
}
