package reading

import (
	"math"
	"runtime"
	"sync"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"petitiond/server/text"
)

// renderedMost are the bytes of rendered bodies that are remembered. Most bodies have a few kilobytes; none has more than
// text.RenderedMax.
const renderedMost = 16 << 20

// entryBytes is what remembering takes beside the text, about.
const entryBytes = 200

// edition names a text: a petition at one version.
type edition struct {
	petition uuid.UUID
	version  int
}

// BodyHTML gives the body of a petition at a version as sanitised HTML. Rendering hostile Markdown can take a tenth of
// a second and some megabytes, so what was rendered is remembered, and no more is rendered at once than there are
// processors.
func (s *Service) BodyHTML(petition uuid.UUID, version int, body string) string {
	key := edition{petition, version}
	if html, ok := s.rendered.get(key); ok {
		return html
	}
	s.rendered.places <- struct{}{}
	defer func() { <-s.rendered.places }()
	if html, ok := s.rendered.get(key); ok { // by the one who was here before
		return html
	}
	html := text.RenderMarkdown(body)
	s.rendered.add(key, html)
	return html
}

// rendered are the bodies that were rendered of late.
type rendered struct {
	places chan struct{} // taken by what is being rendered

	mu    sync.Mutex // guards what follows
	known *simplelru.LRU[edition, string]
	bytes int
}

func newRendered() *rendered {
	r := &rendered{places: make(chan struct{}, runtime.GOMAXPROCS(0))}
	// Bytes are counted, not entries. The only error is of a size below one.
	r.known, _ = simplelru.NewLRU(math.MaxInt, func(_ edition, gone string) { r.bytes -= len(gone) + entryBytes })
	return r
}

func (r *rendered) get(e edition) (html string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known.Get(e)
}

func (r *rendered) add(e edition, html string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known.Contains(e) { // rendered twice at once
		return
	}
	r.known.Add(e, html)
	for r.bytes += len(html) + entryBytes; r.bytes > renderedMost; {
		r.known.RemoveOldest()
	}
}
