package connection

import (
	"net/http"

	"petitiond/server/errcode"
	"petitiond/server/transport/fault"
)

// Why there is no room for a connection.
const (
	fullAddress = "address" // its address has as many as one may have
	full        = "all"     // there are as many as there may be
	noMeans     = "system"  // the system lacks what a connection needs
)

// Refusals returns how many connections were refused, by the cause.
func (k *Keeper) Refusals() map[string]int {
	counts := map[string]int{}
	for _, cause := range []string{fullAddress, full, noMeans} {
		counts[cause] = k.refusals.Total(cause)
	}
	return counts
}

// refuse counts a connection for which there is no room and returns the fault of it. The log is told of each cause once
// a minute at most: those who wonder why some see nothing find the setting there.
func (k *Keeper) refuse(cause string) *fault.Fault {
	times, due := k.refusals.Due(cause)
	tell := func(why string, attributes ...any) {
		if due {
			k.Logger.Warn("WebSockets or event streams were refused: "+why, append(attributes, "times", times)...)
		}
	}
	switch cause {
	case fullAddress:
		tell("one address has as many as PETITION_MAX_SOCKETS_PER_ADDRESS allows; if it is that of a proxy, "+
			"PETITION_TRUSTED_PROXIES must name it, and it must send X-Forwarded-For", "most", k.Limits.SocketsPerAddress)
		return refused("There are too many open connections from your address. Close one first.")
	case full:
		tell("there are as many as PETITION_MAX_SOCKETS and the file descriptors of the system allow", "most", k.Limits.Sockets)
		return refused("The server has too many open connections. Try again later.")
	default:
		tell("the system could not watch over another")
		return refused("The server cannot open another connection. Try again later.")
	}
}

// refused returns the fault of a connection for which there is no room.
func refused(message string) *fault.Fault {
	return fault.New(http.StatusServiceUnavailable, errcode.Unavailable, message)
}
