package renderedbody

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
)

// Those who wait for a place leave when their time is over, and take none with them; what is kept needs none.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	c := New()
	kept := uuid.New()
	if _, err := c.HTML(t.Context(), kept, 1, "We ask."); err != nil {
		t.Fatal(err)
	}
	for range cap(c.places) { // others render
		c.places <- struct{}{}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := c.HTML(ended, uuid.New(), 1, "We wait."); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the wait", err)
	}
	if html, err := c.HTML(ended, kept, 1, "We ask."); err != nil || html != "<p>We ask.</p>\n" {
		t.Errorf("got %q, %v of what is kept", html, err)
	}
	<-c.places
	if html, err := c.HTML(t.Context(), uuid.New(), 1, "We go on."); err != nil || html != "<p>We go on.</p>\n" {
		t.Errorf("got %q, %v at a free place", html, err)
	}
}
