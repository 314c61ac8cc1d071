package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What a request can result in, besides the code of an error.
const (
	counted = "COUNTED"
	lost    = "LOST" // no answer came
)

// crowd is people who sign a petition. They repeat the same request until it is answered, and every tenth signs a
// second time later. The crowd has a log of those who tried and those who were acknowledged.
type crowd struct {
	t        *testing.T
	petition petition
	servers  []*program // asked in turn

	acknowledges string // the status of a signature
	nobody       atomic.Int64

	mu           sync.Mutex // guards what follows
	attempted    map[string]bool
	acknowledged map[string]bool
	answers      map[string]int
	news         chan struct{} // closed and replaced when somebody is acknowledged
}

func gather(t *testing.T, petition petition, servers ...*program) *crowd {
	c := &crowd{
		t: t, petition: petition, servers: servers, acknowledges: counted,
		attempted: map[string]bool{}, acknowledged: map[string]bool{}, answers: map[string]int{}, news: make(chan struct{}),
	}
	t.Cleanup(func() { t.Logf("answers: %s", c) })
	return c
}

// String returns how often there was each result.
func (c *crowd) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text []string
	for _, a := range slices.Sorted(maps.Keys(c.answers)) {
		text = append(text, fmt.Sprintf("%s %d", a, c.answers[a]))
	}
	return strings.Join(text, ", ")
}

// somebody returns a new address.
func (c *crowd) somebody() string { return fmt.Sprintf("signatory%d@example.org", c.nobody.Add(1)) }

// work has so many people sign at a time, until the function that it returns is called, which waits for all of them.
func (c *crowd) work(atOnce int) (rest func()) {
	ctx, stop := context.WithCancel(context.Background())
	var people sync.WaitGroup
	for range atOnce {
		people.Go(func() {
			for ctx.Err() == nil && c.t.Context().Err() == nil {
				c.person()
			}
		})
	}
	rest = sync.OnceFunc(func() {
		stop()
		people.Wait()
	})
	c.t.Cleanup(rest)
	return rest
}

// person signs once or twice.
func (c *crowd) person() {
	address := c.somebody()
	c.sign(address, "first-key-of-"+address)
	if strings.HasSuffix(address, "0@example.org") {
		c.sign(address, "second-key-of-"+address)
	}
}

const signMutation = `mutation($input: SignPetitionInput!) { signPetition(input: $input) { status petition { id } userErrors { code } } }`

func (c *crowd) request(address, key string) []byte {
	return request(signMutation, map[string]any{"input": map[string]any{
		"petitionId": c.petition.id, "name": "Ann", "email": address, "comment": "Because of " + address, "idempotencyKey": key,
	}})
}

// sign repeats one request, at the next server each time, until it is acknowledged.
func (c *crowd) sign(address, key string) {
	c.tries(address)
	body := c.request(address, key)
	began := time.Now()
	for try := rand.IntN(len(c.servers)); c.t.Context().Err() == nil; try++ {
		got, _ := c.attempt(c.servers[try%len(c.servers)], body)
		switch {
		case got == c.acknowledges:
			c.confirm(address)
			return
		case !slices.Contains([]string{lost, "UNAVAILABLE", "OUTCOME_UNKNOWN", "TIMEOUT"}, got):
			c.t.Errorf("%s was answered %s", address, got)
			return
		case time.Since(began) > time.Minute:
			c.t.Errorf("%s has had no answer for a minute, %s in the end", address, got)
			return
		}
		time.Sleep(20 * time.Millisecond) // as a client that tries again
	}
}

// attempt sends a request once, and returns its result and the text of the answer.
func (c *crowd) attempt(at *program, body []byte) (got, text string) {
	status, raw, err := send(c.t.Context(), at.address, "", body)
	got = verdict(status, raw, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[got]++
	return got, string(raw)
}

func verdict(status int, raw []byte, err error) string {
	if err != nil {
		return lost
	}
	var a answer
	var data struct {
		SignPetition struct {
			Status     string
			UserErrors []struct{ Code string }
		}
	}
	switch err := json.Unmarshal(raw, &a); {
	case err != nil:
		return fmt.Sprintf("%d with %.200q", status, raw)
	case len(a.Errors) > 0:
		return a.Errors[0].Extensions.Code
	case status != http.StatusOK || json.Unmarshal(a.Data, &data) != nil:
		return fmt.Sprintf("%d with %.200q", status, raw)
	case len(data.SignPetition.UserErrors) > 0:
		return data.SignPetition.UserErrors[0].Code
	}
	return data.SignPetition.Status
}

// tries records an attempt before it is made.
func (c *crowd) tries(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempted[address] = true
}

// confirm records that a signature was acknowledged.
func (c *crowd) confirm(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acknowledged[address] = true
	close(c.news)
	c.news = make(chan struct{})
}

// signed returns how many were acknowledged, and a channel that is closed when there are more.
func (c *crowd) signed() (n int, more <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acknowledged), c.news
}

// await waits until more people were acknowledged, and returns how long that took. It fails the test if it takes too
// long.
func (c *crowd) await(people int, longest time.Duration) time.Duration {
	c.t.Helper()
	began := time.Now()
	late := time.After(longest)
	before, _ := c.signed()
	for {
		n, more := c.signed()
		if n >= before+people {
			return time.Since(began)
		}
		select {
		case <-more:
		case <-late:
			c.t.Fatalf("%d of %d were acknowledged within %s; answers: %s", n-before, people, longest, c)
		}
	}
}

// neverRepeated fails the test if anybody had to ask twice.
func (c *crowd) neverRepeated() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for got, n := range c.answers {
		if got != counted {
			c.t.Errorf("%d requests resulted in %s; the server can find out their outcome itself", n, got)
		}
	}
}
