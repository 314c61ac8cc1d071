// Package renderedbody renders the bodies of petitions to HTML, a few at a time, and keeps those that were asked for
// lately.
package renderedbody

import (
	"context"
	"fmt"
	"runtime"

	"github.com/google/uuid"

	"petitiond/server/lru"
	"petitiond/server/text"
)

// keptMost is how many bytes of rendered bodies are kept. Most bodies have a few kilobytes; none has more than
// text.RenderedMax.
const keptMost = 16 << 20

// entryBytes is roughly what an entry of the cache takes besides the text.
const entryBytes = 200

// edition names a text: a petition at one version.
type edition struct {
	petition uuid.UUID
	version  int
}

// Cache renders bodies and keeps them.
type Cache struct {
	places chan struct{} // semaphore of the bodies being rendered
	known  *lru.Cache[edition, string]
}

// New returns an empty Cache.
func New() *Cache {
	bytes := func(html string) int { return len(html) + entryBytes }
	return &Cache{
		places: make(chan struct{}, runtime.GOMAXPROCS(0)),
		known:  lru.New[edition](keptMost, bytes, bytes),
	}
}

// HTML returns the body of a petition at a version as sanitised HTML. Rendering hostile Markdown can take a tenth of a
// second and some megabytes, so no more bodies are rendered at once than there are processors. It fails when ctx ends
// before there is a place.
func (c *Cache) HTML(ctx context.Context, petition uuid.UUID, version int, body string) (string, error) {
	key := edition{petition, version}
	if html, ok := c.known.Get(key); ok {
		return html, nil
	}
	select {
	case c.places <- struct{}{}:
	case <-ctx.Done():
		return "", fmt.Errorf("waiting to render a text: %w", ctx.Err())
	}
	defer func() { <-c.places }()
	if html, ok := c.known.Get(key); ok { // rendered by another caller meanwhile
		return html, nil
	}
	html := text.RenderMarkdown(body)
	c.known.Add(key, html)
	return html, nil
}
