package connection

import (
	"net/http"
	"strings"

	"petitiond/server/strictjson"
	"petitiond/server/transport/socket"
)

// initialise authenticates the credential in connection_init. Without one, that of the handshake stays in force. It
// needs mu.
func (c *Conn) initialise(m message) {
	if !m.authorized {
		c.acknowledge()
		return
	}
	// Proving a credential may ask the database, and this goroutine reads for all connections. Meanwhile a subscribe
	// closes the connection with 4401, and another connection_init with 4429.
	go func() {
		who, f := c.keeper.Credentials.Prove(c.id, m.authorization)
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case f != nil && f.Status == http.StatusServiceUnavailable:
			c.close(tryLater, "Try again later")
		case f != nil:
			c.close(socket.ErrForbidden.Code, socket.ErrForbidden.Reason)
		case !c.gone && !c.leaving:
			// Of the handshake. What is held is counted, so each Hold needs its Release.
			c.keeper.Credentials.Release(c.who)
			c.who = c.keeper.Credentials.Hold(who)
			c.acknowledge()
		}
	}()
}

// acknowledge answers connection_init. It needs mu.
func (c *Conn) acknowledge() {
	c.session.Acknowledged()
	c.write(socket.AppendFrame(nil, socket.Text, socket.AppendAck(nil, nil)))
}

// credentialIn finds the member authorization, in upper or lower case, in the payload of connection_init. A value that
// is not a string, or is there twice, is never treated as no credential; null is.
func credentialIn(payload []byte, limits strictjson.Limits) (value string, present bool, closing *socket.Closing) {
	decoded, err := limits.Decode(payload)
	members, ok := decoded.(map[string]any)
	if err != nil || !ok {
		return "", false, socket.ErrInvalid
	}
	var given any
	// All members are looked at, since the order of a map would otherwise decide which of two is taken.
	found := 0
	for name, member := range members {
		if strings.EqualFold(name, "authorization") {
			found, given = found+1, member
		}
	}
	switch {
	case found > 1:
		return "", false, socket.ErrForbidden
	case given == nil:
		return "", false, nil
	}
	value, _ = given.(string)
	return value, true, nil
}
