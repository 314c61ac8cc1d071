package reading

import (
	"runtime"

	"github.com/google/uuid"

	"petitiond/server/lru"
	"petitiond/server/text"
)

// renderedMost is how many bytes of rendered bodies are cached. Most bodies have a few kilobytes; none has more than
// text.RenderedMax.
const renderedMost = 16 << 20

// entryBytes is roughly what an entry of the cache takes besides the text.
const entryBytes = 200

// edition names a text: a petition at one version.
type edition struct {
	petition uuid.UUID
	version  int
}

// BodyHTML returns the body of a petition at a version as sanitised HTML. Rendering hostile Markdown can take a tenth
// of a second and some megabytes, so the result is cached, and no more bodies are rendered at once than there are
// processors.
func (s *Service) BodyHTML(petition uuid.UUID, version int, body string) string {
	key := edition{petition, version}
	if html, ok := s.rendered.known.Get(key); ok {
		return html
	}
	s.rendered.places <- struct{}{}
	defer func() { <-s.rendered.places }()
	if html, ok := s.rendered.known.Get(key); ok { // rendered by another caller meanwhile
		return html
	}
	html := text.RenderMarkdown(body)
	s.rendered.known.Add(key, html)
	return html
}

// rendered caches the bodies that were rendered recently.
type rendered struct {
	places chan struct{} // semaphore of the bodies being rendered
	known  *lru.Cache[edition, string]
}

func newRendered() *rendered {
	bytes := func(html string) int { return len(html) + entryBytes }
	return &rendered{
		places: make(chan struct{}, runtime.GOMAXPROCS(0)),
		known:  lru.New[edition](renderedMost, bytes, bytes),
	}
}
