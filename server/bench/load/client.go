package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"
)

// ErrAgain means that the server asks the client to repeat the request with the same idempotency key.
var ErrAgain = errors.New("the server asks to try again")

// idle is how long a connection may be unused before it is replaced: the server closes it after a minute.
const idle = 30 * time.Second

// Client is a connection that sends one request after another. It does as little as possible, since it shares the cores
// with the server.
type Client struct {
	address string
	conn    net.Conn
	used    time.Time // when it was last used
	in      *bufio.Reader
	body    []byte
	out     []byte // the request, then the answer
	hit     bool   // the answer came from memory
}

// Client returns a client. It connects when it is first used.
func (s *Server) Client() *Client { return &Client{address: s.Address} }

// Close closes the connection.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is under way
	}
}

// connect opens a connection, unless there is one that the server cannot have closed yet.
func (c *Client) connect(ctx context.Context) (err error) {
	now := time.Now()
	if c.conn == nil || now.Sub(c.used) > idle {
		c.Close()
		if c.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.address); err != nil {
			return err
		}
		c.in = bufio.NewReader(c.conn)
	}
	c.used = now
	return nil
}

const signBegin = `{"query":"mutation Sign($input: SignPetitionInput!) { signPetition(input: $input) ` +
	`{ status userErrors { code } } }","variables":{"input":{"showName":true,"country":"` + country + `","petitionId":`

// Sign signs the petition with this id, and returns when the server has acknowledged the signature.
func (c *Client) Sign(ctx context.Context, petition string, p Person) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	c.body = append(c.body[:0], signBegin...)
	c.body = strconv.AppendQuote(c.body, petition)
	for _, field := range [][2]string{{`,"name":`, p.Name}, {`,"email":`, p.Address}, {`,"idempotencyKey":`, p.Key}} {
		c.body = append(c.body, field[0]...)
		c.body = strconv.AppendQuote(c.body, field[1])
	}
	c.body = append(c.body, "}}}"...)
	answer, err := c.post()
	switch {
	case err != nil:
		return err
	case bytes.Contains(answer, []byte(`"COUNTED"`)):
		return nil
	case bytes.Contains(answer, []byte(`"UNAVAILABLE"`)), bytes.Contains(answer, []byte(`"OUTCOME_UNKNOWN"`)):
		return ErrAgain
	}
	return fmt.Errorf("not counted: %.200s", answer)
}

// Ask sends the body of a request. It returns the answer, which is valid until the next call, and whether it was a
// shared one from the server's memory.
func (c *Client) Ask(ctx context.Context, body []byte) (answer []byte, hit bool, err error) {
	if err := c.connect(ctx); err != nil {
		return nil, false, err
	}
	c.body = append(c.body[:0], body...)
	answer, err = c.post()
	return answer, c.hit, err
}

// post sends the body and reads the answer by its Content-Length. The answer is valid until the next call.
func (c *Client) post() ([]byte, error) {
	c.out = append(c.out[:0], "POST /graphql HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(c.body)), 10)
	c.out = append(append(c.out, "\r\n\r\n"...), c.body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, err
	}
	length := 0
	c.hit = false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		c.hit = c.hit || bytes.HasPrefix(line, []byte("Cache-Status: petitiond; hit"))
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		}
	}
	c.out = slices.Grow(c.out[:0], length)[:length]
	_, err := io.ReadFull(c.in, c.out)
	return c.out, err
}
